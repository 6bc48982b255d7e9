"""Addons for Weir in Python: `Addon` is one; see README.md beside this package."""

from . import headers
from .addon import Addon
from .errors import Error, Reset
from .event import Event
from .stream import AsyncBody, Body
from .values import bytes_of, kill, respond, value_of

__all__ = ["Addon", "AsyncBody", "Body", "Error", "Event", "Reset", "bytes_of", "headers", "kill", "respond", "value_of"]
