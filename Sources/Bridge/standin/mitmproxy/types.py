"""Kinds of commands' arguments, beside Python's own."""

from collections.abc import Sequence


class Path(str):
    """A file's path; "~" is the user's directory."""


class Cmd(str):
    """A command's name."""


class CmdArgs(str):
    """An argument of the command that stands before."""


class Unknown(str):
    """What is not known yet."""


class Space(str):
    """Whitespace between arguments."""


class CutSpec(Sequence[str]):
    """Which parts of flows to cut out."""


class Data(Sequence[Sequence[str | bytes]]):
    """Rows of what was cut out."""


class Marker(str):
    """An emoji's name, a character, or "true" and "false"."""


class Choice:
    """One of what another command returns."""

    def __init__(self, options_command: str) -> None:
        self.options_command = options_command

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, str)
