"""What goes wrong between an addon and the core."""


class Error(Exception):
    """The core's refusal of a call. Raised by a handler it is the event's answer, without a trace on standard error: a veto, say.

    `kind` is the stable word of the code, such as `no_flow`; `message` is for people.
    """

    def __init__(self, message: str, code: int = -32000, kind: str = "worker_error"):
        super().__init__(message)
        self.message, self.code, self.kind = message, code, kind


class Reset(Exception):
    """The core has ended a stream before its time; the argument says why: `client_gone`, `broken`, `timeout`, `bad_message` or `not_opened`."""
