"""The worker: the handshake, and what each message of the core sets off."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from . import logs
from .backend import Backend, choose
from .commands import Commands, result
from .connections import Connections
from .core_commands import CoreCommands
from .events import Events
from .flow_events import FlowEvents
from .flows import Flows
from .limits import CannotCross, Source
from .link import CallError, Link
from .master import Master
from .options import Options
from .script import CONNECTION_HOOKS, FLOW_HOOKS, OLD_NAMES, Chain, files_of, load_module, log_error, told
from .subscriptions import Subscriptions
from .wire import Bodies

LINE = 256 << 20
"""Longest line that is read."""
CALLS = """flow.get flow.list flow.set flow.resume flow.kill flow.backup flow.revert flow.duplicate flow.replay inject.websocket
    inject.tcp options.set command.call body.read core.shutdown""".split()

logger = logging.getLogger("mitmproxy.addon")


class Worker:
    def __init__(self, package: str, path: str, loop: asyncio.AbstractEventLoop, handler: logs.CoreHandler):
        self._package, self._path, self._loop, self._handler = package, path, loop, handler
        self._chain: Chain | None = None
        self._is_done = False
        self._tasks: set[asyncio.Task] = set()
        self._methods: dict[str, Callable[[dict], None]] = {
            "initialize": self._initialize, "initialized": self._initialized, "configure": self._configure,
            "running": self._running, "done": self._done, "command": self._command, "cancel": self._cancel,
            "ping": self._acknowledge, "shutdown": self._acknowledge,
        }
        self.link = Link(loop, self._received, self._ended)

    def _received(self, message: dict) -> None:
        method = self._methods.get(message["method"])
        if method is None:
            if "id" in message:
                self.link.fail(message["id"], f"there is no method '{message['method']}'", -32601)
            return
        try:
            method(message)
        except Exception as error:
            log_error(error)
            if "id" in message:
                self.link.fail(message["id"], f"{type(error).__name__}: {error}")

    def _initialize(self, message: dict) -> None:
        params = message["params"]
        try:
            answer = self._load(params)
        except (Exception, SystemExit) as error:
            self._handler.give_up()
            if isinstance(error, (CannotCross, SystemExit)):
                text = str(error)
            else:
                print(told(error), file=sys.stderr)
                text = f"{type(error).__name__}: {error}"
                if isinstance(error, ModuleNotFoundError):
                    text += f" (of {sys.executable}: another Python is named with addon_python)"
            return self.link.fail(message["id"], f"{self._path}: {text}")
        self.link.answer(message["id"], answer)

    def _load(self, params: dict) -> dict:
        """Runs the addon's file and its `load`; what it declares then."""
        path = os.path.abspath(self._path)
        _source(path).check()
        self.backend = backend = Backend(choose(self._package))
        exceptions = backend.exceptions
        self._chain = chain = Chain(exceptions)
        self.options = Options(self.link, exceptions, params["options"])
        commands = Commands(exceptions)
        log = logs.Log()
        ctx = backend.ctx
        ctx.options, ctx.log = self.options, log
        ctx.master = self._master = Master(self.link, self._loop, exceptions, self.options, commands, chain, log)
        has_descriptors = self.link.descriptors is not None and "fd" in params["capabilities"]
        bodies = Bodies(self.link.descriptors if has_descriptors else None, lambda source: self._call("body.read", source))
        self._connections = Connections(backend)
        self.flows = Flows(backend, self._connections, bodies, logger.warning)
        self.content = bodies.give
        module = load_module(path)
        chain.chain.append(module)
        self._master.addons.chain.clear()
        self._master.addons.add(module)
        streams = frozenset().union(*(_source(file).streams for file in files_of(path)))
        self._subscriptions = Subscriptions(chain, streams)
        self._events = Events(self._connections, self.options, getattr(sys.modules.get("mitmproxy.log"), "LogEntry", _Entry))
        self.flow_events = FlowEvents(self, chain, bodies, self._subscriptions, params["limits"])
        backend.replace_controls(self.flow_events.controls)
        commands.core = CoreCommands(self).table
        commands.flows = commands.core["view.flows.resolve"]
        commands.elsewhere = self._call_elsewhere
        self.options.__dict__["configure"] = lambda updated: chain.invoke_sync("configure", updated)
        self._methods.update(dict.fromkeys(FLOW_HOOKS, self.flow_events.received))
        self._methods.update(self.flow_events.streamed)
        self._methods.update(dict.fromkeys(CONNECTION_HOOKS | set(OLD_NAMES), self._connection_event))
        for name in ("websocket_handshake", "websocket_error"):
            self._methods[name] = self.flow_events.received
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        return {
            "name": os.path.basename(self._path), "version": f"mitmproxy {backend.name} {backend.version}".strip(),
            "hooks": self._subscriptions.wire, "permissions": CALLS, "limits": {"max_line": LINE},
            "capabilities": ["fd"] if has_descriptors else [],
            "options": [one["wire"] for one in self.options.declared.values()],
            "commands": [one.wire for one in commands.commands.values()],
        }

    def _initialized(self, message: dict) -> None:
        self._handler.connect(self.link)

    def _configure(self, message: dict) -> None:
        params = message["params"]
        before = dict(self.options._values)
        changed = self.options.take(params["options"])
        updated = changed if self._is_configured else set(self.options.keys())
        try:
            if updated:
                self.options.configure(updated)
                self.options.changed.send(updated)
        except self.backend.exceptions.OptionsError as error:
            self.options._values.update(before)
            return self.link.fail(message["id"], str(error))
        except Exception as error:
            log_error(error)
        self._is_configured = True
        self.link.answer(message["id"], {})

    _is_configured = False

    def _running(self, message: dict) -> None:
        try:
            self.options.ready()
        except CallError as error:
            logger.error("an option that was set before the proxy ran: %s", error)
        self._invoke(message, "running")

    def _done(self, message: dict) -> None:
        self._is_done = True
        self._invoke(message, "done")

    def _invoke(self, message: dict, hook: str) -> None:
        pending = self._chain.invoke(hook)
        if pending is None:
            return self.link.answer(message["id"], {})
        self.task(pending, lambda: self.link.answer(message["id"], {}))

    def _connection_event(self, message: dict) -> None:
        name, params = message["method"], message["params"]
        hook = OLD_NAMES.get(name, name)
        arguments = self._events.arguments(hook, params)
        given = self._events.old_arguments(name, arguments) if name in OLD_NAMES else arguments

        self.flow_events.opened(message)

        def finish() -> None:
            if "id" in message:
                self.flow_events.answer(message, self._events.changes(hook, params, arguments))

        pending = self._chain.invoke(name, *given) if name in self._subscriptions.defined else None
        if pending is None:
            finish()
        else:
            self.flow_events.extend(message)
            self.task(pending, finish)

    def _command(self, message: dict) -> None:
        params = message["params"]
        touched = self.flow_events.touched = []

        def finish(value: Any) -> None:
            for flow in touched:
                self.sync(flow)
            self.link.answer(message["id"], result(value))

        async def wait(pending: Any) -> None:
            try:
                finish(await pending)
            except Exception as error:
                log_error(error)
                self.link.fail(message["id"], str(error))

        try:
            value = self._master.commands.run(params["name"], params.get("args"))
            if asyncio.iscoroutine(value):
                self.task(wait(value))
            else:
                finish(value)
        except (self.backend.exceptions.CommandError, CallError) as error:
            self.link.fail(message["id"], str(error))
        finally:
            self.flow_events.touched = None

    def _cancel(self, message: dict) -> None:
        self.flow_events.withdrawn(message["params"]["id"])

    def _acknowledge(self, message: dict) -> None:
        self.link.answer(message["id"], {})

    def task(self, pending: Any, then: Callable[[], None] | None = None) -> asyncio.Task:
        async def run() -> None:
            await pending
            if then:
                then()

        task = self._loop.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _call(self, method: str, params: dict) -> Any:
        return self.link.call(method, params)

    def _call_elsewhere(self, name: str, arguments: tuple) -> Any:
        """A command that neither this addon nor mitmproxy's own have here: one of another worker's."""
        flows = self.flow_events.own(arguments)
        for flow in flows:
            self.flow_events.sync(flow, is_forced=True)
        try:
            value = self.link.call("command.call", {"name": name, "args": result(list(arguments))})["result"]
        except CallError as error:
            raise self.backend.exceptions.CommandError(
                f"Unknown command: {name}" if error.kind == "no_command" else str(error)) from None
        # What the other made of the flows is in the core.
        for flow in flows:
            self.flow_events.fetch(flow.id, is_forced=True)
        return value

    def sync(self, flow: Any) -> None:
        self.flow_events.sync(flow)

    def refresh(self, flow: Any) -> Any:
        return self.flow_events.fetch(flow.id)

    def fetch(self, identifier: str) -> Any:
        return self.flow_events.fetch(identifier)

    def _ended(self) -> None:
        """The core has gone: without it there is nothing to do."""
        if self._chain is not None and not self._is_done:
            self._chain.invoke("done")
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _source(path: str) -> Source:
    with open(path, "rb") as file:
        return Source(file.read())


class _Entry:
    def __init__(self, msg: str, level: str):
        self.msg, self.level = msg, level


def main(package: str, path: str) -> None:
    handler = logs.install("info")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_unhandled)
    Worker(package, path, loop, handler)
    loop.run_forever()


def _unhandled(loop: asyncio.AbstractEventLoop, context: dict) -> None:
    error = context.get("exception")
    logger.error("Unhandled error in task: %s", context["message"], exc_info=error and (type(error), error, error.__traceback__))
