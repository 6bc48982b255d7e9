"""The examples that rewrite bodies while they pass: what comes out is octet for octet what the whole body rewritten would be."""

import random

import pytest

from support.carriage import FORMS, fetch, giving, reverse, serving
from support.proxy import ROOT

UPPER = str(ROOT / "addon-examples/python/upper/upper.py")
REPLACE = ROOT / "addon-examples/node/replace/replace.js"
TEXT = "the cat sat; größer, concatenate ca\u2028t catcat €uro 🐈 \t\"\\ "
EXAMPLES = {
    "upper": (UPPER, bytes.upper),
    "replace": (str(REPLACE), lambda body: body.replace(b"cat", b"horse")),
    "replace by less": (f"exec:node {REPLACE} größer €", lambda body: body.replace("größer".encode(), "€".encode())),
}
BODIES = {
    "empty": b"",
    "the word": b"cat",
    "a part of it": b"ca",
    "every octet": bytes(range(256)) * 1500,
    "text": TEXT.encode() * 9000,
    "words alone": b"cat" * 200_000,
    "nearly words": b"ccaca" * 100_000 + b"cat",
    "noise": random.Random(5).randbytes(700_001),
}


def named(seen) -> bytes:
    return BODIES[seen.path.removeprefix("/").replace("%20", " ")]


@pytest.mark.seconds(60)
@pytest.mark.parametrize("client", ["h1.0", "h1", "h2"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_output_is_exact_in_every_form(weir, origin, example, form, client):
    spec, rewritten = EXAMPLES[example]
    server = origin(serving(form, giving(named, size=65_537)))
    proxy = weir(modes=[reverse(server, form)], addons=[spec], level=None)
    for name, body in BODIES.items():
        seen = fetch(proxy, "/" + name.replace(" ", "%20"), client)
        assert (seen.status, seen.complete) == (200, True), seen
        assert seen.body == rewritten(body), name


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_body_that_comes_octet_by_octet(weir, origin, example):
    """The word falls across all of its borders."""
    spec, rewritten = EXAMPLES[example]
    body = (TEXT * 20).encode()
    server = origin(serving("chunked", giving(body, size=1)))
    seen = fetch(weir(modes=[reverse(server, "chunked")], addons=[spec], level=None))
    assert seen.complete and seen.body == rewritten(body)


def test_both_examples_in_a_chain(weir, origin):
    server = origin(serving("chunked", giving(named)))
    for addons, rewritten in (
        ([str(REPLACE), UPPER], lambda body: body.replace(b"cat", b"horse").upper()),
        ([UPPER, str(REPLACE)], lambda body: body.upper().replace(b"cat", b"horse")),
    ):
        proxy = weir(modes=[reverse(server, "chunked")], addons=addons, level=None)
        for name in ("text", "words alone", "every octet"):
            seen = fetch(proxy, "/" + name.replace(" ", "%20"), "h2")
            assert seen.complete and seen.body == rewritten(BODIES[name]), name
