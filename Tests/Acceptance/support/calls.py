"""Calls of an attached worker, and clients that wait for their flows meanwhile; the fixture is `caller`."""

import threading

from .proxy import eventually
from .wire import Closed

ALL = [
    *("flow.list", "flow.get", "flow.resume", "flow.wait", "flow.kill"),
    *("flow.set", "flow.mark", "flow.comment", "flow.backup", "flow.revert", "flow.duplicate", "flow.replay"),
]


def asked(worker, method, **params):
    answer = worker.call(method, **params)
    assert "result" in answer, answer
    return answer["result"]


def refused(worker, method, **params):
    answer = worker.call(method, **params)
    assert "error" in answer, answer
    return answer["error"]


def flows(worker, live=True, **params):
    return asked(worker, "flow.list", live=live, **params)["flows"]


def ended(worker, count=1):
    """The ended flows, once there are so many."""
    return eventually(lambda: (found := flows(worker, live=False)) and len(found) >= count and found, what=f"{count} ended flows")


def standing(worker):
    """The one flow, once it stands still."""
    return eventually(lambda: [flow for flow in flows(worker) if flow["intercepted"]], what="an intercepted flow")[0]


class Getting(threading.Thread):
    """A client in the background; `answer` is its response, None if the connection ended instead."""

    def __init__(self, proxy, url, **options):
        super().__init__(daemon=True)
        self.answer = None
        self.ask = lambda: proxy.get(url, **options)
        self.start()

    def run(self):
        try:
            self.answer = self.ask()
        except (Closed, ConnectionError):
            pass

    def end(self):
        self.join(10)
        assert not self.is_alive()
        return self.answer
