"""A worker that fails in the middle of an upload: no server takes what it got for the whole."""

import pytest

from support.carriage import fetch, giving, reverse, serving
from support.failures import FATAL, MOMENTS, POLICIES, failing_worker, passes
from support.proxy import eventually

LARGE = b"Many words, in UTF-8: gr\xc3\xb6\xc3\x9fer.\n" * 20_000


@pytest.mark.seconds(60)
@pytest.mark.parametrize("form", ["length", "h2"])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["killed", "garbage", "hung", "beyond credit", "error", "reset", "data of a wrong type"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_server_never_takes_half_an_upload_for_a_whole_one(weir, origin, addon, streaming, policy, how, moment, form):
    worker, watch = failing_worker("request", policy, streaming), addon(["error"], name="watch")
    server = origin(serving(form, giving(b"ok")))
    proxy = weir(modes=[reverse(server, form)], addons=[worker, watch])
    path = f"/{how.replace(' ', '-')}/{moment.split()[-1]}"
    for client, sent in (("h1", "length"), ("h1", "chunked"), ("h2", "length")):
        before = len(watch.messages("error"))
        seen = fetch(proxy, path, client, "POST", body=LARGE, form=sent)
        if passes(policy, how, moment):
            assert seen.complete and seen.body == b"ok", seen
            assert server.received[-1].complete and server.received[-1].body == LARGE
            assert not watch.messages("error")
        else:
            assert seen.status in (None, 502), seen
            watch.wait("error", before + 1)

        def served() -> bool:
            fine = fetch(proxy, "/fine/now", client, "POST", body=LARGE, form=sent)
            return fine.complete and server.received[-1].body == LARGE.upper()

        eventually(served, 10 if how in FATAL else 1, "an upload at the worker")
    for received in server.received:
        if received.complete:
            whole = [LARGE.upper(), LARGE] if received.path == "/fine/now" else [LARGE]  # the latter while the worker is down
            assert received.body in whole, f"half a body looked whole: {received}"
    flows = [message["params"]["flow"] for message in watch.messages("error")]
    assert len({flow["id"] for flow in flows}) == len(flows)
    failed = [flow for flow in flows if flow["request"]["path"] == path]
    assert len(failed) == (0 if passes(policy, how, moment) else 3)
