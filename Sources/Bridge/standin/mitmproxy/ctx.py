"""What surrounds an addon: set by whoever runs it.

`master` offers `commands.call(name, *args)`, `addons.get(name)`, `shutdown()`, `event_loop`, `options`;
`options` one attribute for each option; `log` the functions of old addons, which `logging` replaces.
"""

from typing import Any

master: Any
options: Any
log: Any

_UNSET = "mitmproxy.ctx.{} is set while an addon runs; nothing runs here"


def __getattr__(name: str) -> Any:
    if name in ("master", "options", "log"):
        raise AttributeError(_UNSET.format(name))
    raise AttributeError(f"module 'mitmproxy.ctx' has no attribute {name!r}")
