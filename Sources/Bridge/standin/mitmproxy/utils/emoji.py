"""Markers of flows: short names of emoji, such as `:bomb:`."""

import unicodedata

# Short names that are not the character's own name in Unicode.
_SHORT = {
    "+1": "👍",
    "-1": "👎",
    "100": "💯",
    "default": "●",
    "grapes": "🍇",
    "heart": "❤",
    "red_circle": "🔴",
    "smile": "😄",
    "star": "⭐",
    "warning": "⚠",
    "x": "❌",
    "white_check_mark": "✅",
}


class _Emoji(dict):
    """By short name; names that are a character's own in Unicode are found there."""

    def __missing__(self, name: str) -> str:
        try:
            character = unicodedata.lookup(name.strip(":").replace("_", " "))
        except KeyError:
            raise KeyError(name) from None
        self[name] = character
        return character

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and name[:1] == name[-1:] == ":" and bool(self[name])
        except KeyError:
            return False

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return self[name] if name in self else default


emoji = _Emoji({f":{name}:": character for name, character in _SHORT.items()})
