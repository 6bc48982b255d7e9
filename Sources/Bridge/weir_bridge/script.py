"""An addon's file as mitmproxy loads and calls it: the module, the addons in it, and their hooks."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import logging
import os
import sys
import traceback
import types
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

logger = logging.getLogger("mitmproxy.addon")

FLOW_HOOKS = frozenset(
    """http_connect http_connected http_connect_error http_connect_upstream requestheaders request responseheaders response error
    websocket_start websocket_message websocket_end tcp_start tcp_message tcp_end tcp_error udp_start udp_message udp_end udp_error
    dns_request dns_response dns_error""".split()
)
CONNECTION_HOOKS = frozenset(
    """client_connected client_disconnected server_connect server_connected server_connect_error server_disconnected
    tls_clienthello tls_start_client tls_start_server tls_established_client tls_established_server tls_failed_client
    tls_failed_server next_layer socks5_auth""".split()
)
OLD_NAMES = {
    "clientconnect": "client_connected", "clientdisconnect": "client_disconnected", "serverconnect": "server_connect",
    "serverdisconnect": "server_disconnected", "add_log": "log", "websocket_handshake": "websocket_handshake",
    "websocket_error": "websocket_error",
}
"""Hooks under the names of versions before 7, and what they are now."""


def files_of(path: str) -> list[str]:
    """The files that were loaded from the addon's folder, its own among them."""
    folder = os.path.dirname(path) + os.sep
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    found = {file for file in loaded if file and file.startswith(folder) and file.endswith(".py") and "site-packages" not in file}
    return sorted(found | {path})


def load_module(path: str) -> types.ModuleType:
    """Runs the file as a module; what it imports from its own folder is found."""
    name = "__mitmproxy_script__." + os.path.splitext(os.path.basename(path))[0]
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.path.insert(0, os.path.dirname(path))
    loader.exec_module(module)
    if not getattr(module, "name", None):
        module.name = path
    return module


def traverse(chain: list) -> Iterator[Any]:
    for addon in chain:
        yield addon
        if hasattr(addon, "addons"):
            yield from traverse(addon.addons)


def name_of(addon: Any) -> str:
    return getattr(addon, "name", addon.__class__.__name__.lower())


class Chain:
    """The addons in their order."""

    def __init__(self, exceptions: Any):
        self.chain: list[Any] = []
        self._exceptions = exceptions

    def has(self, hook: str) -> bool:
        return any(True for _ in self.functions(hook))

    def functions(self, hook: str) -> Iterator[Callable]:
        for addon in traverse(self.chain):
            function = getattr(addon, hook, None)
            if not function or isinstance(function, types.ModuleType):
                continue
            if callable(function):
                yield function
            elif hook not in OLD_NAMES:
                raise self._exceptions.AddonManagerError(f"Addon handler {hook} ({addon}) not callable")

    def invoke(self, hook: str, *arguments: Any) -> Awaitable | None:
        """Calls a hook's functions one after another; returns what is to be waited for, if one is asynchronous. Whatever one
        throws is logged, and the others of the file are not called then, as in mitmproxy."""
        functions = self.functions(hook)
        try:
            for function in functions:
                result = function(*arguments)
                if result is not None and inspect.isawaitable(result):
                    return self._finish(result, functions, arguments)
        except self._exceptions.AddonHalt:
            pass
        except Exception as error:
            log_error(error)
        return None

    async def _finish(self, first: Awaitable, functions: Iterator[Callable], arguments: tuple) -> None:
        try:
            await first
            for function in functions:
                result = function(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
        except self._exceptions.AddonHalt:
            pass
        except Exception as error:
            log_error(error)

    def invoke_sync(self, hook: str, *arguments: Any) -> None:
        """As for `load` and `configure`: what is thrown is the caller's affair."""
        for function in self.functions(hook):
            if inspect.iscoroutinefunction(function):
                raise self._exceptions.AddonManagerError(f"Async handler {hook} cannot be called from sync context")
            function(*arguments)


def log_error(error: BaseException) -> None:
    """Logs what an addon has thrown, from the addon's own frame on."""
    logger.error("Addon error: %s\n%s", error, told(error))


def told(error: BaseException) -> str:
    """The exception with its trace, from the addon's own frame on."""
    trace = error.__traceback__
    while trace and trace.tb_next and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    if trace and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = None
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()


def _is_ours(file: str) -> bool:
    return file.startswith((os.path.dirname(__file__), "<frozen importlib"))
