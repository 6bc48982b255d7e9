"""What scripts use besides the API of flows."""

from mitmproxy.script.concurrent import concurrent

__all__ = ["concurrent"]
