"""An addon with state, one within another, and every event of a connection's life in the log."""

import logging

from mitmproxy import connection, http, tls
from mitmproxy.proxy import server_hooks


class Inner:
    def __init__(self):
        self.seen = 0

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.request.path.startswith("/whole"):
            self.seen += 1
            flow.response.headers["X-Inner"] = str(self.seen)


class Whole:
    def __init__(self):
        self.addons = [Inner()]
        self.on, self.clients = False, set()

    def load(self, loader) -> None:
        logging.info("whole: load")

    def running(self) -> None:
        logging.info("whole: running")

    def done(self) -> None:
        logging.info("whole: done")

    def client_connected(self, client: connection.Client) -> None:
        logging.debug("whole: a client from %s", client.peername[0])

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        if self.on:
            logging.info(f"whole: server_connect {data.server.address[0]} {data.client.id in self.clients}")

    def server_connected(self, data) -> None:
        if self.on:
            logging.info("whole: server_connected %s", data.server.connected)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        logging.info(f"whole: tls_clienthello {data.client_hello.sni} {data.client_hello.alpn_protocols} {data.context.server.address[0]}")

    def tls_established_client(self, data: tls.TlsData) -> None:
        logging.info(f"whole: tls_established_client {data.conn.tls_version} {data.conn.alpn}")

    def http_connect(self, flow: http.HTTPFlow) -> None:
        if flow.request.host == "refused.test":
            flow.response = http.Response.make(403, b"no way")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.request.path.startswith("/whole"):
            self.on = True
            self.clients.add(flow.client_conn.id)
            self.say("requestheaders", flow)

    def request(self, flow: http.HTTPFlow) -> None:
        self.say("request", flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self.say("responseheaders", flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self.say("response", flow)
        if flow.request.path.startswith("/whole"):
            self.on = False
            state = flow.get_state()
            flow.response.headers["X-State"] = f"{sorted(state)} {sorted(state['request'])} {state['response']['headers'][0]} {state['version']}"
            flow.response.headers["X-Repr"] = f"{flow.request!r} {flow.response.reason} {flow.type} {flow.killable} {flow.modified()}"
        if flow.request.path == "/whole/fails":
            flow.response.headers["X-Lost"] = "not"
            raise ValueError("on purpose")

    def error(self, flow: http.HTTPFlow) -> None:
        self.say("error", flow)

    def update(self, flows: list) -> None:
        pass

    @staticmethod
    def say(event: str, flow: http.HTTPFlow) -> None:
        if flow.request.path.startswith("/whole"):
            logging.info(f"whole: {event} {flow.request.method} {flow.request.path} {flow.server_conn.timestamp_start is not None}")


addons = [Whole()]
