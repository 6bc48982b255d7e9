"""What an addon's source says before it runs: what cannot cross into its process, and whether it changes bodies as they stream."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_APART = {
    "mitmproxy.proxy.layers": "the proxy's layers",
    "mitmproxy.proxy.commands": "the proxy's layers",
    "mitmproxy.proxy.events": "the proxy's layers",
    "mitmproxy.proxy.tunnel": "the proxy's layers",
    "mitmproxy.proxy.server": "the proxy's sockets",
    "mitmproxy.proxy.mode_servers": "the proxy's sockets",
    "mitmproxy.tools": "mitmproxy's programs",
    "mitmproxy.master": "mitmproxy's programs",
    "mitmproxy.platform": "the operating system's redirection",
}
"""Modules that are no use in a process of their own, and what they are."""

_VIEWS = "mitmproxy.contentviews"
_SIDES = frozenset({"request", "response"})


class CannotCross(Exception):
    """The addon needs what stays in the proxy; says what, and where."""


class Source:
    """What is found in the text of a file; `streams` are the sides whose bodies a function changes as they pass."""

    def __init__(self, text: bytes):
        self._tree = ast.parse(text)
        own = set(_bound(self._tree))
        # A name that the file gives to something else as well may stand for that.
        self._names = {name: path for name, path in _imported(self._tree) if name not in own}
        self.streams = frozenset().union(*self._streams())

    def check(self) -> None:
        """Throws a `CannotCross`."""
        for node in _reached(self._tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._check_import(node)
            elif isinstance(node, ast.Call) and self._path(node.func) == f"{_VIEWS}.add":
                raise _refusal(node, "mitmproxy.contentviews.add", "content views are the proxy's console's")
            elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    self._check_target(target)

    def _check_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for path in _paths(node):
            for apart, what in _APART.items():
                if path == apart or path.startswith(apart + "."):
                    raise _refusal(node, apart, f"{what} are not in an addon's process")

    def _check_target(self, target: ast.AST) -> None:
        if not isinstance(target, ast.Attribute):
            return
        owner = self._path(target.value)
        if owner and owner.split(".")[0] == "mitmproxy" and not owner.startswith("mitmproxy.ctx"):
            raise _refusal(target, f"{owner}.{target.attr}", "it is assigned to, which changes nothing in the proxy")
        if target.attr == "ssl_conn":
            raise _refusal(target, "ssl_conn", "connections of pyOpenSSL are not in an addon's process")
        if target.attr == "via" and isinstance(target.value, ast.Attribute) and target.value.attr == "server":
            raise _refusal(target, "server.via", "the upstream proxy is chosen by a flow's server_conn.via, until its request hook has run")

    def _path(self, node: ast.AST) -> str | None:
        """The dotted path that an expression of names stands for, if it begins with an import of mitmproxy."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute) and (owner := self._path(node.value)):
            return f"{owner}.{node.attr}"
        return None

    def _streams(self) -> Iterator[frozenset[str]]:
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.Assign):
                continue
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr == "stream" and not isinstance(node.value, ast.Constant):
                    side = target.value.attr if isinstance(target.value, ast.Attribute) else ""
                    yield frozenset({side}) if side in _SIDES else _SIDES


def _reached(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for type checkers alone, and those that the addon itself expects to fail."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Try) and any("Import" in ast.unparse(one.type) for one in node.handlers if one.type):
            continue
        yield node
        yield from _reached(node)


def _bound(tree: ast.AST) -> Iterator[str]:
    """Names of parameters, of what is assigned to, and of functions and classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "mitmproxy":
                    yield (alias.asname, alias.name) if alias.asname else ("mitmproxy", "mitmproxy")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mitmproxy":
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _paths(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        yield alias.name if isinstance(node, ast.Import) else f"{node.module or ''}.{alias.name}"


def _refusal(node: ast.AST, name: str, reason: str) -> CannotCross:
    return CannotCross(f"line {node.lineno}: {name}: {reason}")
