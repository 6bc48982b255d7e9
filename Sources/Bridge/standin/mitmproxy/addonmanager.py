"""Addons, and what their `load` is given."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mitmproxy import exceptions, hooks

logger = logging.getLogger(__name__)

LoadHook = hooks.all_hooks["load"]


def _get_name(itm: Any) -> str:
    return getattr(itm, "name", type(itm).__name__.lower())


def traverse(chain: Sequence[Any]) -> Iterator[Any]:
    """Addons, and the ones within them (their `addons`)."""
    for addon in chain:
        yield addon
        if hasattr(addon, "addons"):
            yield from traverse(addon.addons)


class Loader:
    """Declares an addon's options and commands."""

    def __init__(self, master: Any) -> None:
        self.master = master

    def add_option(
        self,
        name: str,
        typespec: type,
        default: Any,
        help: str,  # noqa: A002
        choices: Sequence[str] | None = None,
    ) -> None:
        """A second addon of the same option may declare it alike."""
        options = self.master.options
        if name in options:
            old = options._options[name]
            if (old.name, old.typespec, old._default, old.help, old.choices) == (name, typespec, default, help, choices):
                return
            logger.warning("Over-riding existing option %s", name)
        options.add_option(name, typespec, default, help, choices)

    def add_command(self, path: str, func: Callable) -> None:
        self.master.commands.add(path, func)


@contextlib.contextmanager
def safecall() -> Iterator[None]:
    """What an addon raises is logged, but for what it raises on purpose."""
    try:
        yield
    except (exceptions.AddonHalt, exceptions.OptionsError):
        raise
    except Exception as error:
        logger.error("Addon error: %s", error, exc_info=True)


class AddonManager:
    """The addons of a master, in their order."""

    def __init__(self, master: Any) -> None:
        self.master = master
        self.chain: list[Any] = []
        self.lookup: dict[str, Any] = {}
        master.options.changed.connect(self._configure_all)

    def _configure_all(self, updated: set[str]) -> None:
        self.trigger(hooks.ConfigureHook(updated))

    def __len__(self) -> int:
        return len(self.chain)

    def __contains__(self, item: Any) -> bool:
        return _get_name(item) in self.lookup

    def __str__(self) -> str:
        return repr([str(addon) for addon in self.chain])

    def get(self, name: str) -> Any:
        """The addon of the name, or None."""
        return self.lookup.get(name)

    def register(self, addon: Any) -> Any:
        """Adds it without a place in the chain; AddonManagerError if there is one of that name."""
        for each in traverse([addon]):
            name = _get_name(each)
            if name in self.lookup:
                raise exceptions.AddonManagerError(f"An addon called '{name}' already exists.")
        self.invoke_addon_sync(addon, LoadHook(Loader(self.master)))
        for each in traverse([addon]):
            self.lookup[_get_name(each)] = each
            self.master.commands.collect_commands(each)
        self.master.options.process_deferred()
        return addon

    def add(self, *addons: Any) -> None:
        self.chain.extend(self.register(addon) for addon in addons)

    def remove(self, addon: Any) -> None:
        """AddonManagerError if it is not there. Its `done` is called."""
        for each in traverse([addon]):
            name = _get_name(each)
            if name not in self.lookup:
                raise exceptions.AddonManagerError(f"No such addon: {name}")
            self.chain = [one for one in self.chain if one is not each]
            del self.lookup[name]
        self.invoke_addon_sync(addon, hooks.DoneHook())

    def clear(self) -> None:
        for addon in list(self.chain):
            self.remove(addon)

    def _calls(self, addon: Any, event: hooks.Hook) -> Iterator[Callable]:
        for each in traverse([addon]):
            function = getattr(each, event.name, None)
            if function is None:
                continue
            if not callable(function):
                # A module that is named like a hook is no hook.
                if inspect.ismodule(function):
                    continue
                raise exceptions.AddonManagerError(f"Addon handler {event.name} ({each}) not callable")
            yield function

    def invoke_addon_sync(self, addon: Any, event: hooks.Hook) -> None:
        """AddonManagerError if a hook is async."""
        for function in self._calls(addon, event):
            if inspect.iscoroutinefunction(function):
                raise exceptions.AddonManagerError(f"Async handler {event.name} ({addon}) cannot be called from sync context")
            function(*event.args())

    async def invoke_addon(self, addon: Any, event: hooks.Hook) -> None:
        for function in self._calls(addon, event):
            result = function(*event.args())
            if inspect.isawaitable(result):
                await result

    def trigger(self, event: hooks.Hook) -> None:
        """The event for all addons, until one halts it."""
        for addon in self.chain:
            try:
                with safecall():
                    self.invoke_addon_sync(addon, event)
            except exceptions.AddonHalt:
                return

    async def trigger_event(self, event: hooks.Hook) -> None:
        for addon in self.chain:
            try:
                with safecall():
                    await self.invoke_addon(addon, event)
            except exceptions.AddonHalt:
                return
