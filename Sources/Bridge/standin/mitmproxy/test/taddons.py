"""What surrounds an addon, for tests."""

import asyncio
from typing import Any

import mitmproxy.ctx
from mitmproxy import addonmanager, command, eventsequence, hooks, log, optmanager
from mitmproxy.options import Options


class _Master:
    """Options, commands and addons, without a proxy."""

    def __init__(self, options: optmanager.OptManager) -> None:
        self.options = options
        self.commands = command.CommandManager(self)
        self.addons = addonmanager.AddonManager(self)
        self.log = log.Log(self)

    @property
    def event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def shutdown(self) -> None:
        """There is nothing that runs."""


class context:
    """`with context(addon) as tctx`: the addons are loaded; `mitmproxy.ctx` is set, and stays so."""

    def __init__(self, *addons: Any, options: optmanager.OptManager | None = None, loadcore: bool = True) -> None:
        self.options = options or Options()
        self.master = _Master(self.options)
        mitmproxy.ctx.master, mitmproxy.ctx.options, mitmproxy.ctx.log = self.master, self.options, self.master.log
        for addon in addons:
            self.master.addons.add(addon)

    def __enter__(self) -> "context":
        return self

    def __exit__(self, *error: Any) -> None:
        return None

    async def cycle(self, addon: Any, f: Any) -> None:
        """All events of the flow."""
        for event in eventsequence.iterate(f):
            await self.master.addons.invoke_addon(addon, event)

    def configure(self, addon: Any, **kwargs: Any) -> None:
        """Set options, and tell the addon. What its `configure` raises brings the old values back."""
        with self.options.rollback(set(kwargs), reraise=True):
            if kwargs:
                self.options.update(**kwargs)
            self.master.addons.invoke_addon_sync(addon, hooks.ConfigureHook(set(kwargs)))

    def command(self, func: Any, *args: str) -> Any:
        """Call a method as a command, with text."""
        return command.Command(self.master.commands, "test.command", func).call(args)
