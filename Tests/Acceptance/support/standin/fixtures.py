"""What mitmproxy gives to the tests of addons."""

import asyncio

from flows import each

from mitmproxy import eventsequence, exceptions
from mitmproxy.test import taddons, tflow, tutils


class Counter:
    def __init__(self):
        self.seen = []

    def load(self, loader):
        loader.add_option("limit", int, 5, "A limit.")

    def configure(self, updated):
        from mitmproxy import ctx

        self.seen.append((sorted(updated), ctx.options.limit))
        if ctx.options.limit > 100:
            raise exceptions.OptionsError("too much")

    def request(self, flow):
        self.seen.append(flow.request.path)

    async def response(self, flow):
        self.seen.append(flow.response.status_code)

    def tcp_message(self, flow):
        self.seen.append(flow.messages[-1].content)

    def double(self, number: int) -> int:
        return 2 * number


def cycled(flow):
    async def cycle():
        counter = Counter()
        with taddons.context(counter, loadcore=False) as surrounding:
            await surrounding.cycle(counter, flow)
            return [one for one in counter.seen if not isinstance(one, tuple)]

    return asyncio.run(cycle())


def configured():
    async def configure():
        counter = Counter()
        with taddons.context(counter, loadcore=False) as surrounding:
            surrounding.configure(counter, limit=7)
            try:
                surrounding.configure(counter, limit=700)
            except exceptions.OptionsError as error:
                counter.seen.append(str(error))
            return counter.seen[-1], surrounding.options.limit, surrounding.command(counter.double, "4")

    return asyncio.run(configure())


def states(*made):
    return [{name: value for name, value in one.get_state().items() if name != "timestamp_created"} for one in made]


EXPRESSIONS = r"""
states(tflow.tflow(), tflow.tflow(resp=True, err=True), tflow.tflow(ws=True), tflow.tflow(resp=tutils.tresp(status_code=404)), tflow.tflow(err=tflow.terr("x")))
states(tflow.ttcpflow(), tflow.ttcpflow(err=True), tflow.tudpflow(), tflow.tdnsflow(), tflow.tdnsflow(resp=True, err=True), tflow.tdnsflow(client_conn=tflow.tclient_conn()))
states(tflow.twebsocketflow(), tflow.twebsocketflow(messages=False, close_code=5, close_reason="x"), tflow.twebsocketflow(err=True))
tflow.tflow().live, tflow.tflow(live=False).live, tflow.ttcpflow().live, tflow.tflow().timestamp_created, tflow.tclient_conn().state, tflow.tserver_conn().state, str(tflow.terr())
[(type(one).__name__, bool(one.error)) for one in tflow.tflows()]
tutils.treq(path=b"/x").get_state(), tutils.tresp(content=None).get_state(), tutils.tdnsreq(id=5), tutils.tdnsresp()
[[(hook.name, len(getattr(hook.args()[0], "messages", ()))) for hook in eventsequence.iterate(one)] for one in each().values()]
list(eventsequence.iterate(5))
[cycled(one) for one in each().values()]
configured()
"""
