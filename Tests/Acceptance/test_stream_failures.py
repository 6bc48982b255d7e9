"""A worker that fails in the middle of a stream: the outcome is the hook's policy, and no body looks complete that is not.

| policy | nothing of the worker's has come yet | later |
|---|---|---|
| continue | the body passes untouched, from its first octet | the body breaks off |
| kill, retry | the flow is killed | the same |

Data against the rules counts as later.
"""

import http.client
import itertools
import threading

import pytest

from support.carriage import Reply1, fetch, giving, reverse, serving
from support.failures import FAILURES, FATAL, MOMENTS, POLICIES, failing_worker, passes
from support.proxy import eventually

SMALL, LARGE = b"Some words.\n" * 90, b"Many words, in UTF-8: gr\xc3\xb6\xc3\x9fer.\n" * 20_000
# Form of the server's body, client.
CARRIAGES = [("length", "h1"), ("chunked", "h1"), ("chunked", "h1.0"), ("length", "h2")]

numbers = itertools.count()


def respond(reply, seen):
    """The path's fourth part is the form, the last one the size."""
    form, size = seen.path.split("/")[3:5]
    reply = Reply1(reply.wire, form)
    giving(LARGE if size == "large" else SMALL)(reply, seen)


class Stand:
    """A proxy with a worker that fails as it is asked to, and one that sees *error*."""

    def __init__(self, weir, origin, worker, watch):
        self.server = origin(serving("length", respond))
        self.worker, self.watch = worker, watch
        self.proxy = weir(modes=[reverse(self.server, "length")], addons=[worker, watch])

    def path(self, how: str, moment: str, form: str, size: str) -> str:
        return f"/{how.replace(' ', '-')}/{moment.split()[-1]}/{form}/{size}/{next(numbers)}"

    def errors(self, path: str) -> list[str]:
        flows = [message["params"]["flow"] for message in self.watch.messages("error")]
        return [flow["error"]["msg"] for flow in flows if flow["request"]["path"] == path]

    def check(self, policy: str, how: str, moment: str, form: str, client: str, size: str) -> None:
        path = self.path(how, moment, form, size)
        original = LARGE if size == "large" else SMALL
        seen = fetch(self.proxy, path, client)
        place = f"{path}, {policy}, {client}: {seen}"
        if passes(policy, how, moment):
            assert seen.complete and seen.status == 200 and seen.body == original, place
            assert not self.errors(path), place
        else:
            assert not seen.complete, place
            assert (original.upper().startswith(seen.body) if moment == MOMENTS[1] else not seen.body), place
            assert len(eventually(lambda: self.errors(path), 5, f"error of {path}")) == 1
            if client == "h2":
                assert seen.how.startswith("reset"), place

    def check_next(self, form: str, client: str) -> None:
        seen = fetch(self.proxy, self.path("fine", "now", form, "large"), client)
        assert seen.complete and seen.body == LARGE.upper(), seen

    def check_return(self, form: str, client: str) -> None:
        """The worker is started again and serves; before that, the policy for one that is down holds."""
        served = lambda: fetch(self.proxy, self.path("fine", "now", form, "large"), client).body == LARGE.upper()  # noqa: E731
        eventually(served, 10, "a flow at the new worker")

    def check_errors(self, paths: int) -> None:
        """Each came once: a second one would have come before the next flow's end."""
        flows = [message["params"]["flow"]["id"] for message in self.watch.messages("error")]
        assert len(flows) == len(set(flows)) >= paths, self.proxy.log[-2000:]


@pytest.fixture
def stand(weir, origin, addon, streaming):
    def make(policy: str, hook: str = "response") -> Stand:
        return Stand(weir, origin, failing_worker(hook, policy, streaming), addon(["error"], name="watch"))

    return make


@pytest.mark.seconds(60)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", [name for name in FAILURES if name not in FATAL])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_outcome_of_a_failure_is_the_policy(stand, policy, how, moment):
    s = stand(policy)
    for (form, client), size in itertools.product(CARRIAGES, ("small", "large")):
        s.check(policy, how, moment, form, client, size)
    for form, client in CARRIAGES:
        s.check_next(form, client)
    s.check_errors(0 if passes(policy, how, moment) else 2 * len(CARRIAGES))
    assert len(s.worker.pids("initialize")) == 1, "a worker that breaks a rule of one stream lives on"


@pytest.mark.seconds(60)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", FATAL)
@pytest.mark.parametrize("policy", POLICIES)
def test_the_outcome_of_a_death_is_the_policy(stand, policy, how, moment):
    s = stand(policy)
    for (form, client), size in zip(CARRIAGES, itertools.cycle(("small", "large"))):
        s.check(policy, how, moment, form, client, size)
        s.check_return(form, client)
    s.check_errors(0 if passes(policy, how, moment) else len(CARRIAGES))


TOGETHER = """
begun = []

@streams.on("response")
def body(stream, message):
    stream.write(stream.read()[:700].upper())
    begun.append(stream)
    while len(begun) < 10:
        time.sleep(0.01)
    os.kill(os.getpid(), 9)
"""


def test_all_streams_of_a_worker_that_dies_break_off_and_no_other(weir, origin, addon, streaming):
    """Ten flows are in the middle of their bodies; one that this worker does not look at goes on."""
    go = threading.Event()

    def slow(reply, seen):
        reply = Reply1(reply.wire, "chunked")
        reply.head()
        reply.write(LARGE)
        if seen.path == "/free":
            go.wait(20)
        reply.write(LARGE)
        reply.end()

    worker = streaming([{"name": "response", "content": "stream", "filter": "~u /hooked"}], TOGETHER)
    watch = addon(["error"], name="watch")
    server = origin(serving("chunked", slow))
    proxy = weir(modes=[reverse(server, "chunked")], addons=[worker, watch])
    outcomes = {}

    def ask(path: str, client: str) -> None:
        outcomes[path] = fetch(proxy, path, client)

    threads = [threading.Thread(target=ask, args=(f"/hooked/{n}", CARRIAGES[n % 4][1]), daemon=True) for n in range(10)]
    threads.insert(0, threading.Thread(target=ask, args=("/free", "h1"), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join(20)
    go.set()
    threads[0].join(20)
    free = outcomes.pop("/free")
    assert free.complete and free.body == LARGE * 2, free
    assert len(outcomes) == 10 and not any(seen.complete for seen in outcomes.values()), outcomes
    watch.wait("error", 10)
    assert len({message["params"]["flow"]["id"] for message in watch.messages("error")}) == len(watch.messages("error")) == 10


# How clients of others see it


@pytest.mark.parametrize("form", ["length", "chunked"])
@pytest.mark.parametrize("how", ["reset", "killed", "hung"])
def test_curl_and_http_client_know_that_the_body_is_broken_off(stand, how, form):
    s = stand("continue")
    url = s.proxy.url + s.path(how, MOMENTS[1], form, "large")
    answer = s.proxy.curl(url, "--noproxy", "*", "--http1.1")
    assert answer.returncode in (18, 56), (answer.returncode, answer.stderr)
    assert LARGE.upper().startswith(answer.stdout) and answer.stdout
    s.check_return(form, "h1")
    answer = s.proxy.curl(url, "--noproxy", "*", "--http2-prior-knowledge")
    assert answer.returncode in (18, 56, 92), (answer.returncode, answer.stderr)
    s.check_return(form, "h1")
    connection = http.client.HTTPConnection("127.0.0.1", s.proxy.port, timeout=10)
    connection.request("GET", s.path(how, MOMENTS[1], form, "large"))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        connection.getresponse().read()
