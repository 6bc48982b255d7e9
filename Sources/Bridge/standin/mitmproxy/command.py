"""Commands: functions of addons that users and other addons call by name."""

import functools
import inspect
import logging
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TextIO

from mitmproxy import _command_arguments as arguments
from mitmproxy import command_lexer, exceptions

logger = logging.getLogger(__name__)

typename = arguments.typename


class CommandParameter(NamedTuple):
    name: str
    type: Any
    kind: inspect._ParameterKind = inspect.Parameter.POSITIONAL_OR_KEYWORD

    def __str__(self) -> str:
        return f"*{self.name}" if self.kind is inspect.Parameter.VAR_POSITIONAL else self.name


def command(name: str | None = None) -> Callable:
    """Marks a method as a command; its name is the function's with dots for underscores unless it is given."""

    def mark(function: Callable) -> Callable:
        @functools.wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:
            verify_arg_signature(function, args, keywords)
            return function(*args, **keywords)

        checked.__dict__["command_name"] = name or function.__name__.replace("_", ".")
        return checked

    return mark


def argument(name: str, type: Any) -> Callable:  # noqa: A002
    """Sets the type of an argument where an annotation cannot say it, such as `types.Choice`."""

    def mark(function: Callable) -> Callable:
        if name not in inspect.signature(function).parameters:
            raise AssertionError(f"{function.__name__} has no argument {name}")
        function.__annotations__[name] = type
        return function

    return mark


def verify_arg_signature(f: Callable, args: Iterable[Any], kwargs: dict) -> None:
    try:
        inspect.signature(f).bind(*args, **kwargs)
    except TypeError as error:
        raise exceptions.CommandError(f"command argument mismatch: {error.args[0]}") from error


class Command:
    """A command of a manager. CommandError if one of its types is none that text can be read as."""

    def __init__(self, manager: "CommandManager", name: str, func: Callable) -> None:
        self.name = name
        self.manager = manager
        self.func = func
        self.signature = inspect.signature(func, eval_str=True)
        self.help = func.__doc__.strip().replace("\n", " ") if func.__doc__ else None
        for parameter in self.signature.parameters.values():
            if not arguments.is_known(parameter.annotation):
                raise exceptions.CommandError(f"Argument {parameter.name} has an unknown type {parameter.annotation} in {func}.")
        if self.return_type is not None and not arguments.is_known(self.return_type):
            raise exceptions.CommandError(f"Return type has an unknown type ({self.return_type}) in {func}.")

    @property
    def return_type(self) -> Any:
        found = self.signature.return_annotation
        return None if found is inspect.Parameter.empty else found

    @property
    def parameters(self) -> list[CommandParameter]:
        found = []
        for parameter in self.signature.parameters.values():
            kind = str if parameter.annotation is inspect.Parameter.empty else parameter.annotation
            found.append(CommandParameter(parameter.name, kind, parameter.kind))
        return found

    def signature_help(self) -> str:
        shown = " ".join(map(str, self.parameters))
        return f"{self.name} {shown}" + (f" -> {typename(self.return_type)}" if self.return_type else "")

    def prepare_args(self, args: Sequence[str]) -> inspect.BoundArguments:
        """The arguments as their types."""
        try:
            bound = self.signature.bind(*args)
        except TypeError:
            expected = f"Expected: {str(self.signature.parameters)}"
            raise exceptions.CommandError(f"Command argument mismatch: \n    {expected}\n    Received: {list(args)}") from None
        for name, value in bound.arguments.items():
            kind = self.signature.parameters[name]
            if kind.kind is inspect.Parameter.VAR_POSITIONAL:
                bound.arguments[name] = tuple(arguments.parse(self.manager, one, kind.annotation) for one in value)
            else:
                bound.arguments[name] = arguments.parse(self.manager, value, kind.annotation)
        bound.apply_defaults()
        return bound

    def call(self, args: Sequence[str]) -> Any:
        """The result for arguments as text."""
        bound = self.prepare_args(args)
        result = self.func(*bound.args, **bound.kwargs)
        if result is not None and self.return_type and not arguments.is_valid(self.manager, self.return_type, result):
            raise exceptions.CommandError(f"{self.name} returned unexpected data - expected {typename(self.return_type)}")
        return result


class CommandManager:
    """Commands by name."""

    def __init__(self, master: Any) -> None:
        self.master = master
        self.commands: dict[str, Command] = {}

    def collect_commands(self, addon: Any) -> None:
        """Adds the marked methods of an addon."""
        for name in dir(addon):
            if name.startswith("__"):
                continue
            try:
                method = getattr(addon, name)
                path = method.command_name
            except Exception:
                # Addons whose attributes raise, or pretend to have all names, have no command there.
                continue
            if isinstance(path, str):
                try:
                    self.add(path, method)
                except exceptions.CommandError as error:
                    logger.warning("Could not load command %s: %s", path, error)

    def add(self, path: str, func: Callable) -> None:
        self.commands[path] = Command(self, path, func)

    def call(self, command_name: str, *args: Any) -> Any:
        """Call with values. CommandError if there is no such command, or its arguments are others."""
        return self._find(command_name).func(*args)

    def call_strings(self, command_name: str, args: Sequence[str]) -> Any:
        """Call with text, which becomes the arguments' types."""
        return self._find(command_name).call(args)

    def execute(self, cmdstr: str) -> Any:
        """Call by a line: the name, and arguments which may be quoted."""
        words = command_lexer.split(cmdstr)
        if not words:
            raise exceptions.CommandError(f"Invalid command: {cmdstr!r}")
        return self.call_strings(words[0], words[1:])

    def _find(self, name: str) -> Command:
        if name not in self.commands:
            raise exceptions.CommandError(f"Unknown command: {name}")
        return self.commands[name]

    def dump(self, out: TextIO | None = None) -> None:
        """A list for people."""
        for _, each in sorted(self.commands.items()):
            print(*textwrap.wrap(f"# {each.help}", 77) if each.help else (), each.signature_help(), "", sep="\n", file=out or sys.stdout)
