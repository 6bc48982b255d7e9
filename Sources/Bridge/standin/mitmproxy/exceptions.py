"""What addons raise and catch."""


class MitmproxyException(Exception):
    """The base of this package's errors."""

    def __init__(self, message: object = None) -> None:
        super().__init__(message)


class FlowReadException(MitmproxyException):
    """A flow file is damaged, or of an unknown version."""


class ControlException(MitmproxyException):
    """A flow cannot do what it is asked for now."""


class OptionsError(MitmproxyException):
    """An option's name or value is refused."""


class AddonManagerError(MitmproxyException):
    """An addon cannot be added or found."""


class AddonHalt(MitmproxyException):
    """Raised by a hook: the addons that follow do not see the event."""


class CommandError(Exception):
    """A command is unknown, or refuses its arguments."""

