"""The proxy's own object: a name for annotations. `mitmproxy.ctx.master` is what an addon has of it."""

from typing import Any

from mitmproxy import _absent


class Master:
    """NotImplementedError, which says why, where an addon would run a proxy of its own."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        raise NotImplementedError(_absent.message("mitmproxy.master.Master()"))
