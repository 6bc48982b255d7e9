"""`ctx.master`: what an addon reaches of the proxy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from .commands import Commands
from .link import CallError
from .options import Options
from .script import Chain, name_of, traverse

logger = logging.getLogger("mitmproxy.addon")


class Loader:
    """What `load` is given."""

    def __init__(self, master: Master):
        self.master = master

    def add_option(self, name: str, typespec: Any, default: Any, help: str = "", choices: Any = None) -> None:
        self.master.options.add_option(name, typespec, default, help, choices)

    def add_command(self, path: str, func: Callable) -> None:
        self.master.commands.add(path, func)


class Addons:
    """The addons of this process: of mitmproxy's own, which are part of the core, none is here."""

    def __init__(self, master: Master, chain: Chain):
        self._master, self._chain = master, chain
        self.lookup: dict[str, Any] = {}

    @property
    def chain(self) -> list:
        return self._chain.chain

    def get(self, name: str) -> Any:
        return self.lookup.get(name)

    def __contains__(self, item: Any) -> bool:
        return (item if isinstance(item, str) else name_of(item)) in self.lookup

    def __len__(self) -> int:
        return len(self.chain)

    def register(self, addon: Any) -> Any:
        for one in traverse([addon]):
            if name_of(one) in self.lookup:
                raise self._master.exceptions.AddonManagerError(f"An addon called '{name_of(one)}' already exists.")
        chain = Chain(self._master.exceptions)
        chain.chain.append(addon)
        chain.invoke_sync("load", Loader(self._master))
        self.lookup.update({name_of(one): one for one in traverse([addon])})
        self._master.commands.collect(addon)
        return addon

    def add(self, *addons: Any) -> None:
        self.chain.extend(self.register(addon) for addon in addons)

    def remove(self, addon: Any) -> None:
        chain = Chain(self._master.exceptions)
        chain.chain.append(addon)
        for one in traverse([addon]):
            self.lookup.pop(name_of(one), None)
        self.chain[:] = [one for one in self.chain if one is not addon]
        chain.invoke_sync("done")

    def trigger(self, event: Any) -> None:
        self._chain.invoke(event.name, *event.args())

    async def trigger_event(self, event: Any) -> None:
        pending = self._chain.invoke(event.name, *event.args())
        if pending is not None:
            await pending


class Master:
    def __init__(self, link: Any, loop: Any, exceptions: Any, options: Options, commands: Commands, chain: Chain, log: Any):
        self._link, self.event_loop, self.exceptions = link, loop, exceptions
        self.options, self.commands, self.log = options, commands, log
        self.addons = Addons(self, chain)

    def shutdown(self) -> None:
        """Stops the proxy, as a signal would; where the addon may not, the log says so and it goes on."""

        async def stop() -> None:
            try:
                await self._link.ask("core.shutdown", {})
            except CallError as error:
                logger.error("ctx.master.shutdown() was refused: %s; the operator grants it by addon_permissions", error)

        self.event_loop.call_soon_threadsafe(lambda: self.event_loop.create_task(stop()))
