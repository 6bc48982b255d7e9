"""What an addon logs, as lines of the core's log."""

from __future__ import annotations

import logging
import sys
from typing import Any

ALERT = logging.INFO + 1
LINE = 4000
"""Characters of an entry; the core cuts off more."""


class CoreHandler(logging.Handler):
    """Sends entries to the core; those from before the handshake wait for it."""

    def __init__(self):
        super().__init__()
        self._link: Any = None
        self._early: list[tuple[str, str]] = []

    def connect(self, link: Any) -> None:
        self._link = link
        for level, text in self._early:
            self.write(level, text)
        self._early.clear()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:
            return self.handleError(record)
        for line in text.splitlines():
            self.write(_level(record.levelno), line)

    def write(self, level: str, text: str) -> None:
        if self._link:
            text = text.encode("utf-8", "replace").decode()
            self._link.notify("log", {"level": level, "msg": text[:LINE]})
        else:
            self._early.append((level, text))

    def give_up(self) -> None:
        """There will be no connection: what waits goes to standard error."""
        for _, text in self._early:
            print(text, file=sys.stderr)


def install(level: str) -> CoreHandler:
    """Makes the core's log that of `logging`; of the libraries below, what is no debugging."""
    handler = CoreHandler()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if level == "debug" else logging.INFO)
    for name in ("asyncio", "hpack", "h2", "quic", "urllib3", "filelock"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.addLevelName(ALERT, "ALERT")
    logging.captureWarnings(True)
    return handler


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"


class Log:
    """`ctx.log`, as it was before addons used `logging`."""

    def __init__(self):
        self._logger = logging.getLogger("mitmproxy.addon")

    def debug(self, text: Any, *arguments: Any) -> None:
        self._logger.debug(_text(text, arguments))

    def info(self, text: Any, *arguments: Any) -> None:
        self._logger.info(_text(text, arguments))

    def alert(self, text: Any, *arguments: Any) -> None:
        self._logger.log(ALERT, _text(text, arguments))

    def warn(self, text: Any, *arguments: Any) -> None:
        self._logger.warning(_text(text, arguments))

    warning = warn

    def error(self, text: Any, *arguments: Any) -> None:
        self._logger.error(_text(text, arguments))

    def __call__(self, text: Any, level: str = "info") -> None:
        getattr(self, level)(text)


def _text(text: Any, arguments: tuple) -> str:
    return str(text) % arguments if arguments else str(text)
