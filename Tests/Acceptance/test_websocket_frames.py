"""WebSocket frames at the wire: violations and their close codes on both sides, control frames, fragments, the close handshake."""

import itertools
import re
import threading
import time
import zlib

import pytest

from conftest import attach
from support.origin import Origin
from support.proxy import eventually
from support.websocket import (
    BINARY, CLOSE, CONTINUATION, MASK, PING, PONG, TEXT, Frame, Route, close_payload, frame, read_frame, speaking
)  # fmt: skip

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
HELLO = bytes.fromhex("f248cdc9c90700")  # "Hello" by RFC 7692, 7.2.3.1
LIMIT = 4096


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Pair:
    """A raw client and a raw server with the proxy between them, both behind the handshake."""

    def __init__(self, route: Route, sides: list, target: str, heard: list, extensions: bool):
        self.route, self.target, self.heard = route, target, heard
        self.client = route.wire(target, *([DEFLATE] if extensions else []))
        self.server, self.over = eventually(lambda: sides and sides.pop(), what="the server's side")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.over.set()

    @property
    def events(self) -> list[tuple[str, dict]]:
        """The events of this WebSocket so far, with their flows."""
        return [(hook, flow) for hook, flow in self.heard if flow["request"]["path"] == self.target]

    def side(self, name: str):
        return self.client if name == "client" else self.server

    def sends(self, name: str, *arguments, **options) -> bytes:
        """A frame as that side must send it."""
        return frame(*arguments, **options, mask=MASK if name == "client" else None)


@pytest.fixture(scope="module")
def raw(module_weir, tmp_path_factory):
    """`raw(extensions, streamed)` is a pair; the proxies of the module's tests are shared."""
    made, origins, numbers = {}, [], itertools.count(1)

    def start(extensions: bool = False, streamed: bool = False) -> Pair:
        if (extensions, streamed) not in made:
            sides = []

            def script(wire):
                over = threading.Event()
                sides.append((wire, over))
                over.wait(25)

            origin = Origin(speaking(script, *([DEFLATE] if extensions else [])))
            origins.append(origin)
            folder = tmp_path_factory.mktemp("raw")
            hooks = ["websocket_message", "websocket_error", "websocket_end"]
            options = ("--set", f"websocket_message_limit={LIMIT}b", "--set", "termlog_verbosity=debug")
            options += ("--set", f"stream_websockets={str(streamed).lower()}")
            proxy, worker = attach(module_weir, folder, *options, hooks=hooks, modes=[f"reverse:http://{origin.authority}"])
            heard = []
            for hook in hooks:
                worker.on(hook)(lambda message, hook=hook: heard.append((hook, message["params"]["flow"])))
            made[extensions, streamed] = (Route("reverse", proxy, origin.authority), sides, heard)
        route, sides, heard = made[extensions, streamed]
        return Pair(route, sides, f"/{next(numbers)}", heard, extensions)

    yield start
    for origin in origins:
        origin.stop()


# Violations. Each case: what a side sends, as `(opcode, payload, options)` or as bytes, and the code that the RFC demands for it.

BAD_UTF8 = {
    "a byte that is never UTF-8": b"\xff",
    "an over-long form": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "the end within a character": "€".encode()[:2],
}
FRAMES = [
    *((f"opcode {opcode}", 1002, [(opcode, b"")]) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *((f"RSV{4 - bit} set", 1002, [(TEXT, b"x", {"reserved": 1 << bit - 1})]) for bit in (1, 2, 3)),
    ("RSV1 on a ping", 1002, [(PING, b"", {"reserved": 4})]),
    ("RSV1 on a close frame", 1002, [(CLOSE, b"", {"reserved": 4})]),
    *((f"a fragment of opcode {opcode}", 1002, [(opcode, b"", {"fin": False})]) for opcode in (CLOSE, PING, PONG)),
    *((f"126 bytes in opcode {opcode}", 1002, [(opcode, b"x" * 126)]) for opcode in (CLOSE, PING, PONG)),
    ("a continuation of nothing", 1002, [(CONTINUATION, b"x")]),
    ("an unfinished continuation of nothing", 1002, [(CONTINUATION, b"x", {"fin": False})]),
    ("a continuation behind a whole message", 1002, [(TEXT, b"x"), (CONTINUATION, b"y")]),
    ("a text inside a text", 1002, [(TEXT, b"x", {"fin": False}), (TEXT, b"y")]),
    ("a binary message inside a text", 1002, [(TEXT, b"x", {"fin": False}), (BINARY, b"y")]),
    ("a text inside a binary message, after a ping", 1002, [(BINARY, b"x", {"fin": False}), (PING, b""), (TEXT, b"y")]),
    ("a short length in 16 bits", 1002, [(BINARY, b"x" * 125, {"form": 2})]),
    ("no length in 16 bits", 1002, [(BINARY, b"", {"form": 2})]),
    ("a short length in 64 bits", 1002, [(BINARY, b"x", {"form": 8})]),
    ("a middling length in 64 bits", 1002, [(BINARY, b"x" * 1000, {"form": 8})]),
    *((f"close code {code}", 1002, [(CLOSE, close_payload(code))]) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)),
    ("a close frame of one byte", 1002, [(CLOSE, b"\x03")]),
    ("a reason that is no UTF-8", 1007, [(CLOSE, close_payload(1000, b"\xff"))]),
    ("a reason cut within a character", 1007, [(CLOSE, close_payload(1000, "€".encode()[:2]))]),
    *((f"{what} in a text", 1007, [(TEXT, b"text " + content)]) for what, content in BAD_UTF8.items()),
    ("bad bytes over two fragments", 1007, [(TEXT, b"\xe2", {"fin": False}), (CONTINUATION, b"\x28")]),
    ("a character cut by the end of a fragmented text", 1007, [(TEXT, b"\xe2", {"fin": False}), (PING, b""), (CONTINUATION, b"\x82")]),
    ("a message larger than the limit", 1009, [(BINARY, b"x" * (LIMIT + 1))]),
    ("fragments larger than the limit", 1009, [(BINARY, b"x" * LIMIT, {"fin": False}), (CONTINUATION, b"x")]),
]
COMPRESSED = [
    ("RSV1 on a continuation", 1002, [(TEXT, HELLO, {"fin": False, "reserved": 4}), (CONTINUATION, b"", {"reserved": 4})]),
    ("RSV2 on a compressed message", 1002, [(TEXT, HELLO, {"reserved": 6})]),
    ("bad deflate data", 1007, [(TEXT, b"\xff\xff\xff", {"reserved": 4})]),
    ("deflate data cut off", 1007, [(TEXT, HELLO[:3], {"reserved": 4})]),
    ("a text that is no UTF-8 once unpacked", 1007, [(TEXT, deflated(b"\xff"), {"reserved": 4})]),
    ("a bomb", 1009, [(BINARY, deflated(bytes(1 << 20)), {"reserved": 4})]),
    ("a bomb in a text", 1009, [(TEXT, deflated(b"x" * 100_000), {"reserved": 4})]),
]
RAW = [
    ("a length of 2^63", 1002, lambda bit: bytes([0x82, bit | 127]) + (1 << 63).to_bytes(8, "big") + bytes(4)),
    ("a length of 2^64 - 1", 1002, lambda bit: bytes([0x82, bit | 127]) + b"\xff" * 8 + bytes(4)),
    ("a length of 2^63 - 1", 1009, lambda bit: bytes([0x82, bit | 127]) + ((1 << 63) - 1).to_bytes(8, "big") + bytes(4)),
    ("a length of a terabyte", 1009, lambda bit: bytes([0x82, bit | 127]) + (1 << 40).to_bytes(8, "big") + bytes(4)),
]
MASKS = [
    ("client", "a frame without a mask", lambda: frame(TEXT, b"x")),
    ("client", "a ping without a mask", lambda: frame(PING)),
    ("client", "a close frame without a mask", lambda: frame(CLOSE, close_payload(1000))),
    ("client", "a second fragment without a mask", lambda: frame(TEXT, b"x", fin=False, mask=MASK) + frame(CONTINUATION, b"y")),
    ("server", "a masked frame", lambda: frame(TEXT, b"x", mask=MASK)),
    ("server", "a masked pong", lambda: frame(PONG, mask=MASK)),
    ("server", "a masked close frame", lambda: frame(CLOSE, close_payload(1000), mask=MASK)),
]


def last_word(wire) -> Frame:
    """The close frame that ends what a side hears; behind it nothing comes but the end of the connection."""
    while (heard := read_frame(wire)).opcode != CLOSE:
        pass
    assert wire.to_end() == b""
    return heard


def violates(pair: Pair, side: str, data: bytes, code: int, what: str) -> None:
    other = "server" if side == "client" else "client"
    with pair:
        # Something behind it, that must not be read any more.
        pair.side(side).send(data + pair.sends(side, TEXT, b"late"))
        answer = last_word(pair.side(side))
        assert (answer.code, answer.masked) == (code, side == "server"), what
        farewell = last_word(pair.side(other))
        assert farewell.code == (1001 if other == "server" else 1011) and farewell.masked == (other == "server")
        eventually(lambda: [hook for hook, _ in pair.events][-1:] == ["websocket_end"], what="the end's event")
    hooks = [hook for hook, _ in pair.events if hook != "websocket_message"]
    assert hooks == ["websocket_error", "websocket_end"]
    flow = pair.events[-1][1]
    note = flow["error"]["msg"]
    assert re.match(rf"{side} 127\.0\.0\.1:\d+ broke the WebSocket protocol: expected .+, found ", note), note
    assert (flow["websocket"]["close_code"], flow["websocket"]["closed_by_client"]) == (code, side == "client")
    assert not any("late" in json_of(flow) for _, flow in pair.events)


def json_of(flow) -> str:
    return str(flow["websocket"]["messages"])


def both_ways(cases):
    """Each case of the table with messages that are decided upon and with frames that go as they come, where no size is wrong."""
    return [pytest.param(*case, streamed, id=f"{case[0]}{', streamed' * streamed}") for case in cases for streamed in (False, True) if not streamed or case[1] != 1009]


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("what, code, frames, streamed", both_ways(FRAMES))
def test_a_violation_is_closed_with_its_code(raw, side, what, code, frames, streamed):
    pair = raw(streamed=streamed)
    data = b"".join(pair.sends(side, opcode, payload, **(options[0] if options else {})) for opcode, payload, *options in frames)
    violates(pair, side, data, code, what)


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("what, code, frames, streamed", both_ways(COMPRESSED))
def test_a_violation_of_compression_is_closed_with_its_code(raw, side, what, code, frames, streamed):
    pair = raw(True, streamed)
    data = b"".join(pair.sends(side, opcode, payload, **(options[0] if options else {})) for opcode, payload, *options in frames)
    violates(pair, side, data, code, what)


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("what, code, head, streamed", both_ways(RAW))
def test_a_length_that_cannot_be_is_closed_with_its_code(raw, side, what, code, head, streamed):
    violates(raw(streamed=streamed), side, head(0x80 if side == "client" else 0), code, what)


@pytest.mark.parametrize("streamed", [False, True], ids=["decided", "streamed"])
@pytest.mark.parametrize("side, what, data", MASKS, ids=[case[1] for case in MASKS])
def test_a_wrong_mask_is_closed_with_1002(raw, side, what, data, streamed):
    violates(raw(streamed=streamed), side, data(), 1002, what)


@pytest.mark.parametrize("field", ["permessage-deflate; what=1", "x-other", "permessage-deflate; server_max_window_bits=99"])
def test_a_server_that_agrees_to_what_was_not_offered_breaks_the_protocol(weir, origin, field):
    heard = []
    server = origin(speaking(lambda wire: heard.append(last_word(wire)), f"Sec-WebSocket-Extensions: {field}"))
    route = Route("plain", weir(), server.authority)
    with route.wire("/", DEFLATE) as client:
        assert last_word(client).code == 1011
    eventually(lambda: heard, what="the server's close frame")
    assert heard[0].code == 1002


# What is passed on


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("extensions", [False, True])
def test_an_unchanged_message_keeps_its_frames(raw, side, extensions):
    with raw(extensions) as pair:
        first, reserved = (HELLO[:3], 4) if extensions else (b"Hel", 0)
        rest = HELLO[3:] if extensions else b"lo"
        to = pair.side("server" if side == "client" else "client")
        pieces = [pair.sends(side, TEXT, first, fin=False, reserved=reserved), pair.sends(side, CONTINUATION, b"", fin=False)]
        for data in (*pieces, pair.sends(side, CONTINUATION, rest), pair.sends(side, BINARY, bytes(3000))):
            pair.side(side).send(data)
        frames = [read_frame(to) for _ in range(4)]
    assert [(f.opcode, f.payload, f.fin, f.reserved) for f in frames] == [
        *((TEXT, first, False, reserved), (CONTINUATION, b"", False, 0), (CONTINUATION, rest, True, 0), (BINARY, bytes(3000), True, 0))
    ]
    assert {f.masked for f in frames} == {side == "client"}


def test_what_comes_in_one_piece_with_the_handshake_is_not_lost(weir, origin):
    heard = []

    def script(wire):
        wire.send(frame(TEXT, b"early too"))
        heard.append(read_frame(wire))

    server = origin(speaking(script))
    route = Route("reverse", weir(modes=[f"reverse:http://{server.authority}"]), server.authority)
    with route.wire(behind=frame(TEXT, b"early", mask=MASK)) as client:
        assert read_frame(client).payload == b"early too"
        eventually(lambda: heard, what="the early message")
    assert heard[0].payload == b"early"


@pytest.mark.parametrize("listens", [True, False])
def test_a_server_that_speaks_before_its_101_is_decided_is_heard(weir, origin, addon, listens):
    """A second and a third read behind the head, while *response* waits, and many in a row while nothing does."""
    sent = [frame(BINARY, bytes([number]) * 3000) for number in range(40)]

    def script(wire):
        for one in sent:
            wire.send(one)
            time.sleep(0.002)  # reads of their own
        wire.send(frame(CLOSE, close_payload(1000)))
        read_frame(wire)

    server = origin(speaking(script))
    addons = [addon(["response"], "import time\n\n@worker.on('response')\ndef wait(event):\n    time.sleep(0.2)\n")] if listens else []
    route = Route("reverse", weir(modes=[f"reverse:http://{server.authority}"], addons=addons), server.authority)
    with route.wire() as client:
        for number in range(40):
            assert read_frame(client).payload == bytes([number]) * 3000
        assert read_frame(client).code == 1000
        client.send(frame(CLOSE, close_payload(1000), mask=MASK))


def test_only_extensions_that_we_can_follow_are_offered_to_the_server(weir, origin, addon):
    worker = addon(["websocket_handshake", "request"])
    server = origin(speaking(lambda wire: None))
    offers = ["x-other; a=1, permessage-deflate; client_max_window_bits", "permessage-deflate; no_such_thing, permessage-deflate"]
    with Route("plain", weir(addons=[worker]), server.authority).wire("/", *(f"Sec-WebSocket-Extensions: {offer}" for offer in offers)):
        request = server.wait(1)[0]
    assert request.all("sec-websocket-extensions") == [b"permessage-deflate; client_max_window_bits, permessage-deflate"]
    shown = worker.wait("request")[0]["params"]["flow"]["request"]["headers"]
    assert [value for name, value in shown if name == "Sec-WebSocket-Extensions"] == offers, "the flow shows what the client has sent"


def test_with_the_option_off_bytes_are_relayed(weir, origin, addon):
    worker = addon(["websocket_start", "websocket_message", "response"])
    server = origin(speaking(lambda wire: wire.send(wire.exactly(9))))
    run = weir("--set", "websocket=false", addons=[worker])
    with Route("plain", run, server.authority).wire("/", "Sec-WebSocket-Extensions: x-other") as client:
        client.send(b"\xff\xffanything")
        assert client.exactly(9) == b"\xff\xffanythin"
    assert server.wait(1)[0].all("sec-websocket-extensions") == [b"x-other"]
    run.stop()
    assert worker.events() == ["response"]


# Control frames


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("payload", [b"", b"beat", b"\x00\xff", b"x" * 125])
def test_a_ping_is_answered_at_once_and_another_goes_on(raw, side, payload):
    with raw() as pair:
        other = "server" if side == "client" else "client"
        # Between the fragments of a message, which goes on whole.
        pair.side(side).send(pair.sends(side, TEXT, b"a", fin=False) + pair.sends(side, PING, payload))
        pong = read_frame(pair.side(side))
        assert (pong.opcode, pong.payload, pong.masked) == (PONG, payload, side == "server")
        assert (ping := read_frame(pair.side(other))).opcode == PING
        # Its answer and one that nobody asked for stay here.
        pair.side(other).send(pair.sends(other, PONG, ping.payload) + pair.sends(other, PONG, b"unsolicited") + pair.sends(other, TEXT, b"done"))
        assert read_frame(pair.side(side)).payload == b"done"
        pair.side(side).send(pair.sends(side, CONTINUATION, b"b"))
        assert [read_frame(pair.side(other)).payload for _ in range(2)] == [b"a", b"b"]
        proxy = pair.route.proxy
        proxy.wait_log(rf"{side} [\d.:]+: WebSocket ping.*answered and passed on")
        proxy.wait_log(rf"{other} [\d.:]+: WebSocket pong.*that answers ours, not passed on")
        proxy.wait_log(rf"{other} [\d.:]+: WebSocket pong 'unsolicited' that nobody asked for, not passed on")


# The close handshake


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("payload, code, reason", [
    *((close_payload(code, reason.encode()), code, reason) for code, reason in ((1000, ""), (1001, "bye"), (3999, "é€😀"), (4999, "x" * 123))),
    (b"", 1005, ""),
])  # fmt: skip
def test_code_and_reason_are_relayed_and_kept(raw, side, payload, code, reason):
    with raw() as pair:
        other = "server" if side == "client" else "client"
        pair.side(side).send(pair.sends(side, CLOSE, payload) + pair.sends(side, TEXT, b"late"))
        heard = read_frame(pair.side(other))
        assert (heard.opcode, heard.payload) == (CLOSE, payload)
        # It may say something before it answers.
        pair.side(other).send(pair.sends(other, TEXT, b"one more") + pair.sends(other, CLOSE, close_payload(1000, b"same")))
        assert read_frame(pair.side(side)).payload == b"one more"
        answer = read_frame(pair.side(side))
        assert (answer.opcode, answer.payload) == (CLOSE, close_payload(1000, b"same"))
        assert pair.client.to_end() == b"" and pair.server.to_end() == b""
        eventually(lambda: [hook for hook, _ in pair.events][-1:] == ["websocket_end"], what="the end's event")
    assert [hook for hook, _ in pair.events] == ["websocket_message", "websocket_end"]
    flow = pair.events[-1][1]
    socket = flow["websocket"]
    assert (socket["close_code"], socket["close_reason"], socket["closed_by_client"]) == (code, reason, side == "client")
    assert flow["error"] is None and socket["timestamp_end"] >= flow["timestamp_created"]


@pytest.mark.parametrize("side", ["client", "server"])
def test_who_leaves_after_a_close_frame_has_closed_in_order(raw, side):
    """Many clients answer a close frame by closing the connection."""
    with raw() as pair:
        other = "server" if side == "client" else "client"
        pair.side(side).send(pair.sends(side, CLOSE, close_payload(1001)))
        assert read_frame(pair.side(other)).code == 1001
        pair.side(other).half_close()
        assert last_word(pair.side(side)).code == 1001
        eventually(lambda: pair.events, what="the end's event")
    assert [(hook, flow["websocket"]["close_code"], flow["error"]) for hook, flow in pair.events] == [("websocket_end", 1001, None)]


def test_who_does_not_answer_a_close_frame_is_not_waited_for(raw):
    with raw() as pair:
        pair.client.send(pair.sends("client", CLOSE, close_payload(1000)))
        assert read_frame(pair.server).code == 1000
        assert last_word(pair.client).code == 1000
        assert pair.server.to_end() == b""


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("how", ["half_close", "reset", "inside a message"])
def test_who_leaves_without_a_word(raw, side, how):
    with raw() as pair:
        other = "server" if side == "client" else "client"
        pair.side(side).send(pair.sends(side, TEXT, b"last words"))
        assert read_frame(pair.side(other)).payload == b"last words"
        if how == "reset":
            pair.side(side).reset()
        else:
            if how != "half_close":
                pair.side(side).send(pair.sends(side, TEXT, b"x", fin=False))
            pair.side(side).half_close()
        assert last_word(pair.side(other)).code == (1001 if other == "server" else 1011)
        eventually(lambda: [hook for hook, _ in pair.events][-1:] == ["websocket_end"], what="the end's event")
    assert [hook for hook, _ in pair.events] == ["websocket_message", "websocket_error", "websocket_end"]
    flow = pair.events[-1][1]
    assert (flow["websocket"]["close_code"], flow["websocket"]["closed_by_client"]) == (1006, side == "client")
    assert re.match(rf"{side} 127\.0\.0\.1:\d+ ended the connection.*, expected a close frame", flow["error"]["msg"])
    assert ("inside a message" in flow["error"]["msg"]) == (how == "inside a message")
