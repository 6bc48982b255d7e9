"""Sees each request and response, and adds one header."""


def request(flow):
    pass


def response(flow):
    flow.response.headers["x-addon"] = "1"
