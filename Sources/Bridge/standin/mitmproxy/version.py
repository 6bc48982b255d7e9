"""The version of mitmproxy whose behaviour this is."""

VERSION = "11.0.2"
MITMPROXY = f"mitmproxy {VERSION}"
FLOW_FORMAT_VERSION = 21


def get_dev_version() -> str:
    return MITMPROXY
