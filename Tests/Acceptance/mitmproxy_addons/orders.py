"""Commands with arguments of several types, some of them flows."""

import logging
from collections.abc import Sequence

from mitmproxy import command, flow, http, types


class Orders:
    def __init__(self):
        self.count = 0

    @command.command("orders.count")
    def more(self, by: int) -> int:
        """Counts up, and says how far."""
        self.count += by
        return self.count

    @command.command("orders.words")
    def words(self, first: str, on: bool, *rest: str) -> Sequence[str]:
        return [first, str(on), *rest]

    @command.command("orders.tag")
    def tag(self, flows: Sequence[flow.Flow], tag: str) -> None:
        for one in flows:
            if isinstance(one, http.HTTPFlow):
                one.request.headers["X-Tagged"] = tag
                one.comment = f"tagged {tag}"

    @command.command("orders.write")
    def write(self, flows: Sequence[flow.Flow], path: types.Path) -> None:
        with open(path, "w") as file:
            file.writelines(f"{one.request.method} {one.request.path}\n" for one in flows)
        logging.info("orders: written")


addons = [Orders()]
