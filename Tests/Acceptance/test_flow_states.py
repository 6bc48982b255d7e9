"""A whole state is taken if it is exactly one, and refused with the place that is wrong, whereupon nothing has changed."""

import copy

import pytest

from support.calls import Getting, asked, ended, refused, standing
from support.origin import OK, Origin, answering

MISSING = object()
OTHER_ID = "00000000-0000-4000-8000-000000000000"

# What is put where (MISSING: taken away), and the place that the refusal names, below `state`.
BAD = [
    ("", [], ""),
    ("", "x", ""),
    ("version", 20, "version"),
    ("version", 22, "version"),
    ("version", "21", "version"),
    ("version", 21.5, "version"),
    ("version", None, "version"),
    ("version", MISSING, "version"),
    ("type", "tcp", "type"),
    ("type", "ftp", "type"),
    ("type", 1, "type"),
    ("type", MISSING, "type"),
    ("id", OTHER_ID, "id"),
    ("id", 7, "id"),
    ("id", MISSING, "id"),
    ("surprise", 1, "surprise"),
    ("error", MISSING, "error"),
    ("error", "broken", "error"),
    ("error.msg", MISSING, "error.msg"),
    ("error.msg", 5, "error.msg"),
    ("error.timestamp", MISSING, "error.timestamp"),
    ("error.timestamp", "now", "error.timestamp"),
    ("error.code", 1, "error.code"),
    ("client_conn", None, "client_conn"),
    ("client_conn", MISSING, "client_conn"),
    ("client_conn.id", OTHER_ID, "client_conn.id"),
    ("client_conn.peername", None, "client_conn.peername"),
    ("client_conn.peername", ["127.0.0.1"], "client_conn.peername"),
    ("client_conn.peername", ["127.0.0.1", "80"], "client_conn.peername"),
    ("client_conn.peername", ["127.0.0.1", 65536], "client_conn.peername"),
    ("client_conn.transport_protocol", "sctp", "client_conn.transport_protocol"),
    ("client_conn.tls", "yes", "client_conn.tls"),
    ("client_conn.tls_version", "TLSv2", "client_conn.tls_version"),
    ("client_conn.certificate_list", [1], "client_conn.certificate_list[0]"),
    ("client_conn.alpn_offers", ["h2", 1], "client_conn.alpn_offers[1]"),
    ("client_conn.timestamp_start", None, "client_conn.timestamp_start"),
    ("client_conn.proxy_mode", MISSING, "client_conn.proxy_mode"),
    ("client_conn.state", 3, "client_conn.state"),
    ("server_conn", None, "server_conn"),
    ("server_conn.address", "example.org:80", "server_conn.address"),
    ("server_conn.address", ["example.org", 80], "server_conn.address"),
    ("server_conn.via", MISSING, "server_conn.via"),
    ("server_conn.cipher_list", "all", "server_conn.cipher_list"),
    ("intercepted", 1, "intercepted"),
    ("intercepted", MISSING, "intercepted"),
    ("is_replay", "both", "is_replay"),
    ("is_replay", True, "is_replay"),
    ("is_replay", "request", "is_replay"),
    ("marked", True, "marked"),
    ("marked", "two", "marked"),
    ("metadata", [], "metadata"),
    ("metadata", {"big": "x" * 17000}, "metadata"),
    ("comment", None, "comment"),
    ("timestamp_created", "1", "timestamp_created"),
    ("timestamp_created", 1.5, "timestamp_created"),
    ("backup", {}, "backup.version"),
    ("backup", MISSING, "backup"),
    ("request", None, "request"),
    ("request.http_version", 1.1, "request.http_version"),
    ("request.http_version", "HTTP/3", "request.http_version"),
    ("request.headers", {"Host": "x"}, "request.headers"),
    ("request.headers", ["Host: x"], "request.headers[0]"),
    ("request.headers", [["Host"]], "request.headers[0]"),
    ("request.headers", [["a", "b"], ["Host", None]], "request.headers[1][1]"),
    ("request.headers", [["bad name", "x"]], "request.headers[0][0]"),
    ("request.headers", [["a", "b\r\nc: d"]], "request.headers[0][1]"),
    ("request.content", 5, "request.content"),
    ("request.content", {"b64": "?"}, "request.content"),
    ("request.trailers", "none", "request.trailers"),
    ("request.timestamp_start", None, "request.timestamp_start"),
    ("request.timestamp_end", "later", "request.timestamp_end"),
    ("request.host", "", "request.host"),
    ("request.host", {"b64": "YQ=="}, "request.host"),
    ("request.port", "80", "request.port"),
    ("request.port", 80.5, "request.port"),
    ("request.port", 0, "request.port"),
    ("request.port", 65536, "request.port"),
    ("request.method", "GE T", "request.method"),
    ("request.method", MISSING, "request.method"),
    ("request.scheme", "gopher", "request.scheme"),
    ("request.authority", "a b", "request.authority"),
    ("request.path", "", "request.path"),
    ("request.path", "/a b", "request.path"),
    ("request.query", "a=b", "request.query"),
    ("response", "OK", "response"),
    ("response", {"status_code": 200}, "response.http_version"),
    ("response.status_code", "200", "response.status_code"),
    ("response.status_code", 99, "response.status_code"),
    ("response.status_code", 1000, "response.status_code"),
    ("response.reason", None, "response.reason"),
    ("response.reason", "O\nK", "response.reason"),
    ("response.headers", None, "response.headers"),
    ("response.text", "ok", "response.text"),
    ("websocket", MISSING, "websocket"),
]


def spoilt(state, path, value):
    if not path:
        return value
    state = copy.deepcopy(state)
    *parents, last = path.split(".")
    place = state
    for name in parents:
        place = place[name]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return state


@pytest.fixture(scope="module")
def stored(module_caller):
    """A worker, and the state of an ended flow that it may change."""
    server = Origin(answering(OK))
    proxy, worker = module_caller("--set", "store_content=true")
    proxy.get(server.url("/a"), "X-A: 1", method="POST", body=b"question")
    (flow,) = ended(worker)
    change = {"error": {"msg": "m", "timestamp": 1.5}, "metadata": {"own": 1}, "request": {"trailers": [["A", "b"]]}}
    asked(worker, "flow.set", id=flow["id"], flow=change)
    yield worker, asked(worker, "flow.get", id=flow["id"], content="whole")["flow"]
    server.stop()


def identifier(row):
    path, value, _ = row
    return f"{path or 'state'}={'missing' if value is MISSING else repr(value)[:24]}"


@pytest.mark.parametrize("row", BAD, ids=identifier)
def test_a_bad_state_is_refused_at_its_place_and_changes_nothing(stored, row):
    worker, state = stored
    path, value, place = row
    bad = spoilt(state, path, value)
    if isinstance(bad, dict) and "request" in bad and isinstance(bad["request"], dict):
        bad["comment"] = bad["comment"] if path == "comment" else "half applied"
    error = refused(worker, "flow.set", id=state["id"], state=bad)
    full = f"state.{place}" if place else "state"
    assert error["data"]["path"] == full and error["message"].startswith(f"{full}: "), error
    assert error["data"]["kind"] in ("bad_state", "read_only", "too_large")
    assert asked(worker, "flow.get", id=state["id"], content="whole")["flow"] == state


def test_the_table_has_rows_enough():
    assert len(BAD) >= 60 and len({identifier(row) for row in BAD}) == len(BAD)


def test_the_state_that_was_got_is_taken_and_changes_nothing(stored):
    worker, state = stored
    assert asked(worker, "flow.set", id=state["id"], state=state) == {}
    assert asked(worker, "flow.get", id=state["id"], content="whole")["flow"] == state


def test_a_whole_state_replaces_where_a_part_is_merged(caller, origin):
    proxy, worker = caller("--set", "intercept=~q")
    client = Getting(proxy, origin().url("/a"))
    flow = standing(worker)
    asked(worker, "flow.set", id=flow["id"], flow={"metadata": {"a": 1, "b": {"c": None, "d": 2}}})
    state = asked(worker, "flow.get", id=flow["id"])["flow"]
    assert state["metadata"] == {"a": 1, "b": {"d": 2}}
    state["metadata"] = {"e": None, "f": {"g": None}}
    state["request"]["path"] = "/b"
    asked(worker, "flow.set", id=flow["id"], state=state)
    assert asked(worker, "flow.get", id=flow["id"])["flow"] == state
    asked(worker, "flow.kill", id=flow["id"])
    client.end()


def test_a_part_and_a_whole_at_once_are_neither(stored):
    worker, state = stored
    for params in ({}, {"flow": {}, "state": state}):
        assert refused(worker, "flow.set", id=state["id"], **params)["data"]["kind"] == "invalid_params"
