"""Commands: an addon's own, which others may call through the core, and the core's, which an addon may call."""

from __future__ import annotations

import inspect
import shlex
import typing
from collections.abc import Callable, Sequence
from typing import Any

from . import wire
from .script import traverse


class Command:
    def __init__(self, path: str, function: Callable):
        self.name, self.func = path, function
        self.signature = inspect.signature(inspect.unwrap(function))
        try:
            self.hints = typing.get_type_hints(inspect.unwrap(function))
        except Exception:
            self.hints = {}
        # A bound method's own first parameter is its object.
        parameters = list(self.signature.parameters.values())
        if hasattr(function, "__self__") and parameters and parameters[0].name in ("self", "cls"):
            parameters = parameters[1:]
        self.parameters = parameters
        self.help = " ".join((inspect.getdoc(function) or "").split())

    def kind(self, parameter: inspect.Parameter) -> Any:
        # What `command.argument` has set is on the function that the addon wrote.
        given = inspect.unwrap(self.func).__annotations__.get(parameter.name)
        return given if given is not None and not isinstance(given, str) else self.hints.get(parameter.name, str)

    @property
    def wire(self) -> dict:
        arguments = [
            f"{'*' if one.kind is one.VAR_POSITIONAL else ''}{one.name}: {_kind_name(self.kind(one))}" for one in self.parameters]
        result = self.hints.get("return")
        return {
            "name": self.name, "help": self.help[:1000], "arguments": ", ".join(arguments),
            "result": "" if result in (None, type(None)) else _kind_name(result)}


class Commands:
    """`ctx.master.commands`. `core` are the core's own commands by name; `flows` finds flows by an expression."""

    def __init__(self, exceptions: Any):
        self._exceptions = exceptions
        self.commands: dict[str, Command] = {}
        self.core: dict[str, Callable] = {}
        self.flows: Callable[[str], list] = lambda expression: []
        self.elsewhere: Callable[[str, tuple], Any] = self._unknown

    def _unknown(self, name: str, arguments: tuple) -> Any:
        raise self._exceptions.CommandError(f"Unknown command: {name}")

    def add(self, path: str, function: Callable) -> None:
        self.commands[path] = Command(path, function)

    def collect(self, addon: Any) -> None:
        for one in traverse([addon]):
            for name in dir(one):
                if name.startswith("__"):
                    continue
                try:
                    function = getattr(one, name)
                    path = getattr(function, "command_name", None)
                except Exception:
                    continue
                if isinstance(path, str):
                    self.add(path, function)

    def call(self, name: str, *arguments: Any) -> Any:
        """Calls a command with values; throws a CommandError."""
        if name in self.commands:
            return self.commands[name].func(*arguments)
        return self.core[name](*arguments) if name in self.core else self.elsewhere(name, arguments)

    def call_strings(self, name: str, arguments: Sequence[str]) -> Any:
        command = self.commands.get(name)
        if command is None and name in self.core:
            command = Command(name, self.core[name])
        if command is None:
            return self.elsewhere(name, tuple(arguments))
        return command.func(*self._bound(command, list(arguments)))

    def execute(self, text: str) -> Any:
        name, *arguments = shlex.split(text) or [""]
        return self.call_strings(name, arguments)

    def run(self, name: str, arguments: Any) -> Any:
        """What another asked for through the core: a list of arguments, an object of named ones, or a line of them."""
        command = self.commands[name]
        if isinstance(arguments, dict):
            known = [one.name for one in command.parameters]
            if unknown := [one for one in arguments if one not in known]:
                raise self._exceptions.CommandError(f"{name}: there is no argument '{unknown[0]}'")
            given = [arguments[one] for one in known if one in arguments]
        elif isinstance(arguments, list):
            given = arguments
        else:
            given = [] if arguments is None else shlex.split(arguments) if isinstance(arguments, str) else [arguments]
        return command.func(*self._bound(command, given))

    def _bound(self, command: Command, arguments: list) -> list:
        required = [one for one in command.parameters if one.default is one.empty and one.kind is not one.VAR_POSITIONAL]
        takes_rest = bool(command.parameters) and command.parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL
        if len(arguments) < len(required) or (len(arguments) > len(command.parameters) and not takes_rest):
            usage = command.wire["arguments"] or "no arguments"
            raise self._exceptions.CommandError(f"Command argument mismatch: {command.name} takes {usage}, found {len(arguments)}")
        kinds = [command.kind(one) for one in command.parameters]
        kinds += kinds[-1:] * (len(arguments) - len(kinds))
        return [self._parsed(command.name, kind, value) for kind, value in zip(kinds, arguments)]

    def _parsed(self, command: str, kind: Any, value: Any) -> Any:
        """A text as the value that the parameter is declared to be."""
        if typing.get_origin(kind) is not None or not isinstance(kind, type):
            inner = [one for one in typing.get_args(kind) if one is not type(None)]
            if _kind_name(kind) == "flow[]":
                return self.flows(value if isinstance(value, str) else ",".join(value))
            if inner == [str] and typing.get_origin(kind) is not typing.Union:
                return [one.strip() for one in value.split(",")] if isinstance(value, str) else value
            if hasattr(kind, "options_command"):
                return self._chosen(command, kind, value)
            return self._parsed(command, inner[0], value) if inner else value
        if kind.__name__ == "Flow":
            flows = self.flows(value)
            if len(flows) != 1:
                raise self._exceptions.CommandError(f"{command}: expected one flow, '{value}' is {len(flows)}")
            return flows[0]
        if kind.__name__ == "CutSpec":
            return value.split(",") if isinstance(value, str) else value
        if not isinstance(value, str) or kind is object:
            return value
        try:
            if kind is bool:
                return {"true": True, "false": False}[value]
            if kind.__name__ == "Path":
                import os

                return kind(os.path.expanduser(value))
            return value.encode() if kind is bytes else kind(value)
        except (KeyError, ValueError, TypeError):
            raise self._exceptions.CommandError(f"{command}: expected {_kind_name(kind)}, found '{value}'") from None

    def _chosen(self, command: str, choice: Any, value: str) -> str:
        choices = self.execute(choice.options_command)
        if value not in choices:
            raise self._exceptions.CommandError(f"{command}: expected one of {', '.join(choices)}, found '{value}'")
        return value


def result(value: Any) -> Any:
    """What a command gives back, as JSON: flows are their ids."""
    if hasattr(value, "get_state") and hasattr(value, "id"):
        return value.id
    if isinstance(value, bytes):
        return wire.give_bytes(value)
    if isinstance(value, (list, tuple, set)):
        return [result(one) for one in value]
    if isinstance(value, dict):
        return {str(name): result(one) for name, one in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _kind_name(kind: Any) -> str:
    inner = typing.get_args(kind)
    if inner:
        first = next((one for one in inner if one is not type(None)), str)
        is_sequence = typing.get_origin(kind) not in (typing.Union,) and "Union" not in type(kind).__name__
        return f"{_kind_name(first)}{'[]' if is_sequence else ''}"
    name = getattr(kind, "__name__", type(kind).__name__)
    return "flow" if name in ("Flow", "HTTPFlow", "TCPFlow", "UDPFlow", "DNSFlow") else name.lower()
