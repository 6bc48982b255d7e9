"""Sees each request and response, and changes the first byte of the body."""


def request(flow):
    pass


def response(flow):
    flow.response.content = b"b" + flow.response.content[1:]
