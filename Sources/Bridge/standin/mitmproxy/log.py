"""Logging: `logging` itself, with a level between INFO and WARNING."""

import logging
from typing import Any

from mitmproxy import hooks

ALERT = logging.INFO + 1
logging.addLevelName(ALERT, "ALERT")

LogLevels = ["error", "warn", "info", "alert", "debug"]
LOGGING_LEVELS_TO_LOGENTRY = {
    logging.ERROR: "error",
    logging.WARNING: "warn",
    logging.INFO: "info",
    ALERT: "alert",
    logging.DEBUG: "debug",
}
LOG_COLORS = {logging.ERROR: "red", logging.WARNING: "yellow", ALERT: "magenta"}
_ESCAPES = {"red": 31, "yellow": 33, "magenta": 35, "cyan": 36}

AddLogHook = hooks.all_hooks["add_log"]


class LogEntry:
    """What the hook add_log gets."""

    def __init__(self, msg: str, level: str) -> None:
        # Addons of old hand over objects.
        self.msg = str(msg)
        self.level = level

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogEntry) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"LogEntry({self.msg}, {self.level})"


def log_tier(level: str) -> int | None:
    """How little of it there is: 0 for errors, 3 for debugging. None for an unknown level."""
    return {"error": 0, "warn": 1, "info": 2, "alert": 2, "debug": 3}.get(level)


class MitmFormatter(logging.Formatter):
    """`[12:00:00.000][client] text`, coloured if wanted."""

    default_time_format = "%H:%M:%S"
    default_msec_format = "%s.%03d"

    def __init__(self, colorize: bool) -> None:
        super().__init__()
        self.colorize = colorize

    def _paint(self, text: str, color: str | None, faint: bool = False) -> str:
        if not self.colorize:
            return text
        start = (f"\x1b[{_ESCAPES[color]}m" if color else "") + ("\x1b[2m" if faint else "")
        return f"{start}{text}\x1b[0m"

    def format(self, record: logging.LogRecord) -> str:
        head = self._paint(f"[{self.formatTime(record)}]", "cyan", True)
        client = getattr(record, "client", None)
        if client:
            from mitmproxy.utils import human

            head += self._paint(f"[{human.format_address(client)}]", "yellow", True)
        return f"{head} {self._paint(record.getMessage(), LOG_COLORS.get(record.levelno))}"


class MitmLogHandler(logging.Handler):
    """A handler that is installed at the root logger."""

    def install(self) -> None:
        logging.getLogger().addHandler(self)

    def uninstall(self) -> None:
        logging.getLogger().removeHandler(self)


class Log:
    """`ctx.log` of old addons."""

    def __init__(self, master: Any = None) -> None:
        self.master = master
        self._logger = logging.getLogger("mitmproxy.ctx")

    def debug(self, txt: object) -> None:
        self._logger.debug("%s", txt)

    def info(self, txt: object) -> None:
        self._logger.info("%s", txt)

    def alert(self, txt: object) -> None:
        self._logger.log(ALERT, "%s", txt)

    def warn(self, txt: object) -> None:
        self._logger.warning("%s", txt)

    def error(self, txt: object) -> None:
        self._logger.error("%s", txt)

    def __call__(self, text: object, level: str = "info") -> None:
        {"debug": self.debug, "info": self.info, "alert": self.alert, "warn": self.warn, "error": self.error}[level](text)
