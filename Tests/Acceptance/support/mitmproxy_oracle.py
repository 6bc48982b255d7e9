"""What the real mitmproxy makes of flows. Runs in `.venv-mitmproxy`; see `mitmproxy.py`, which starts it.

Standard input and output are one JSON value each. States are in the form of the addon protocol: a byte string is a string, or
`{"b64": …}` if it is no UTF-8.
"""

import base64
import json
import sys

from mitmproxy import http
from mitmproxy.addons import export, savehar
from mitmproxy.io import FlowReader
from mitmproxy.test import taddons

BYTES = {"http_version", "method", "scheme", "authority", "path", "reason", "content", "alpn", "mitmcert"}
LISTS_OF_BYTES = {"certificate_list", "alpn_offers"}
PAIRS_OF_BYTES = {"headers", "trailers"}


def octets(value):
    if isinstance(value, dict):
        return base64.b64decode(value["b64"]) if "b64" in value else None
    return None if value is None else value.encode()


def plain(value: bytes | None):
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def convert(value, one, key=None):
    """The state with `one` applied to each byte string."""
    if key in BYTES:
        return one(value)
    if key in LISTS_OF_BYTES:
        return [one(element) for element in value]
    if key in PAIRS_OF_BYTES:
        return None if value is None else [[one(part) for part in pair] for pair in value]
    if isinstance(value, dict):
        return {name: convert(member, one, name) for name, member in value.items()}
    return value


def flow(state) -> http.HTTPFlow:
    return http.HTTPFlow.from_state(convert({**state, "backup": None}, octets))


def exported(name, state, keep_address):
    with taddons.context(export.Export()) as context:
        context.configure(context.master.addons.get("export"), export_preserve_original_ip=keep_address)
        try:
            made = export.formats[name](flow(state))
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
    return {"b64": base64.b64encode(made if isinstance(made, bytes) else made.encode("utf-8", "surrogateescape")).decode()}


def answer(question):
    match question["ask"]:
        case "har":
            return savehar.SaveHar().make_har([flow(state) for state in question["states"]])
        case "export":
            return [exported(question["format"], state, question["keep_address"]) for state in question["states"]]
        case "read":
            with open(question["path"], "rb") as file:
                return [convert(read.get_state(), plain) for read in FlowReader(file).stream()]


json.dump(answer(json.load(sys.stdin)), sys.stdout)
