"""Weir's stand-in for the mitmproxy package: what addons use of it, with the standard library alone.

It knows nothing of how flows reach it: whoever runs addons sets `mitmproxy.ctx`.
"""

from mitmproxy import _absent

_absent.install()
