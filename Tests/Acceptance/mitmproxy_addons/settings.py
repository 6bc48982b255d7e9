"""Options of our own, a value that is refused, and filters."""

import logging
from collections.abc import Sequence
from typing import Optional

from mitmproxy import ctx, exceptions, flowfilter, http
from mitmproxy.addonmanager import Loader


class Settings:
    chosen: flowfilter.TFilter | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option("settings_text", str, "unset", "A text.")
        loader.add_option("settings_most", Optional[int], None, "A number, if any.")
        loader.add_option("settings_on", bool, False, "A switch.")
        loader.add_option("settings_list", Sequence[str], [], "Several texts.")
        loader.add_option("settings_choice", str, "a", "One of some.", choices=["a", "b"])
        loader.add_option("settings_filter", str, "", "Which flows are marked.")

    def configure(self, updated: set[str]) -> None:
        if "settings_filter" in updated:
            self.chosen = flowfilter.parse(ctx.options.settings_filter) if ctx.options.settings_filter else None
        if "settings_most" in updated and (ctx.options.settings_most or 0) > 10:
            raise exceptions.OptionsError("settings_most must not be above 10")
        logging.info("settings: configure %s", sorted(name for name in updated if name.startswith("settings_")))

    def response(self, flow: http.HTTPFlow) -> None:
        if not flow.request.path.startswith("/settings"):
            return
        if flow.request.path == "/settings/set":
            ctx.options.settings_text = "set by the addon"
        values = [repr(getattr(ctx.options, f"settings_{name}")) for name in ("text", "most", "on", "list", "choice")]
        flow.response.headers["X-Settings"] = " ".join(values)
        if self.chosen and flowfilter.match(self.chosen, flow):
            flow.response.headers["X-Chosen"] = "yes"
        for expression in ("~s & ~c 200", "~m POST", "~bq body", '~hq "x-header: a"', "~u settings/f", "! ~q", "~d 127.0.0.1"):
            if flowfilter.match(expression, flow):
                flow.response.headers.add("X-Match", expression)


addons = [Settings()]
