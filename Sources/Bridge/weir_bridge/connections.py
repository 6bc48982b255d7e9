"""Connections: one object each, whatever shows them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from weakref import WeakValueDictionary

from . import wire
from .backend import Backend

KEPT = 4096
"""Connections that are kept for what an addon has put on them, at most."""


class Connections:
    """One object for each connection, as long as anything holds it."""

    def __init__(self, backend: Backend):
        self._backend = backend
        self._known: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._held: OrderedDict[str, Any] = OrderedDict()

    def take(self, seen: dict, is_client: bool) -> Any:
        known = self._known.get(seen["id"])
        if known is None:
            state = wire.connection_state(seen)
            known = (self._backend.make_client if is_client else self._backend.make_server)(dict(state))
            self._known[seen["id"]] = known
        elif known.__dict__.get("_weir_seen") != seen:
            self._backend.set_connection(known, wire.connection_state(seen))
        known.__dict__["_weir_seen"] = seen
        return known

    def known(self, identifier: str) -> Any:
        return self._known[identifier]

    def hold(self, connection: Any) -> None:
        """Keeps it until it is released, also while no flow has it."""
        self._held[connection.id] = connection
        if len(self._held) > KEPT:
            self._held.popitem(last=False)

    def release(self, connection: Any) -> None:
        self._held.pop(connection.id, None)


def changed_connection(connection: Any) -> dict:
    """What an addon has made of a connection, of all that can be changed."""
    seen, patch = connection.__dict__["_weir_seen"], {}
    for name in ("error", "sni"):
        if getattr(connection, name) != seen[name]:
            patch[name] = getattr(connection, name)
    offers = [wire.give_bytes(one) for one in connection.alpn_offers]
    if offers != seen["alpn_offers"]:
        patch["alpn_offers"] = offers
    if "address" in seen:
        address = list(connection.address) if connection.address else None
        if address != seen["address"]:
            patch["address"] = address
    if patch:
        connection.__dict__["_weir_seen"] = {**seen, **patch}
    return patch
