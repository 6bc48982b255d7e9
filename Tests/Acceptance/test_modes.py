"""Modes, the command line, and what a start that cannot succeed says."""

import re
import socket

import pytest

from support.proxy import free_port, listening, run_to_end


def fails(*arguments: str, status: int | tuple[int, ...], says: str, lines: int = 1, port: int | None = None) -> str:
    """Runs weir with arguments that it must refuse: the status, one clear line, and no port open."""
    port = port or free_port()
    done = run_to_end("--listen-host", "127.0.0.1", "-p", str(port), *arguments)
    expected = status if isinstance(status, tuple) else (status,)
    assert done.returncode in expected, (done.returncode, done.stderr)
    assert re.search(says, done.stderr, re.IGNORECASE), done.stderr
    told = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(told) <= lines, done.stderr
    return done.stderr


def test_reverse_http_sends_everything_to_its_target(weir, origin):
    server = origin()
    proxy = weir(modes=[f"reverse:http://{server.authority}"])
    assert proxy.get(f"{proxy.url}/a?b=c").body == b"ok"
    received = server.received[0]
    assert received.target == b"/a?b=c"
    assert received.one("host") == server.authority.encode(), "the target's name, unless keep_host_header"


def test_reverse_mode_keeps_the_host_header_when_told(weir, origin):
    server = origin()
    proxy = weir("--set", "keep_host_header=true", modes=[f"reverse:http://{server.authority}"])
    with proxy.connect() as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: front.example\r\n\r\n")
        assert wire.response().status == 200
    assert server.received[0].one("host") == b"front.example"


def test_reverse_https_speaks_tls_to_its_target(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", modes=[f"reverse:https://{server.authority}"])
    assert proxy.get(f"{proxy.url}/hello").body == b"hello\n"
    assert "ssl=TLSv1.3" in server.served(1)[0]


def test_reverse_mode_takes_tls_from_the_client_too(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", modes=[f"reverse:https://{server.authority}"])
    answer = proxy.curl(f"https://127.0.0.1:{proxy.port}/hello", "--noproxy", "*")
    assert answer.stdout == b"hello\n", answer.stderr


def test_several_modes_run_at_once_on_their_own_ports(weir, origin, nginx):
    one, two, ports = origin(), nginx(), [free_port(), free_port(), free_port()]
    modes = [
        f"regular@{ports[0]}",
        f"reverse:http://{one.authority}@127.0.0.1:{ports[1]}",
        f"REVERSE:http://{two.authority}@{ports[2]}",
    ]
    proxy = weir(modes=modes, ports=ports)
    assert not listening(proxy.port), "-p is the port of modes that name none"
    proxy.port = ports[0]
    assert proxy.get(one.url("/regular")).body == b"ok"
    proxy.port = ports[1]
    assert proxy.get(f"{proxy.url}/reverse").body == b"ok"
    proxy.port = ports[2]
    assert proxy.get(f"{proxy.url}/other").body == b"GET /other\n"
    assert [request.target for request in one.received] == [b"/regular", b"/reverse"]


def test_events_say_which_mode_a_client_came_by(weir, origin, addon):
    server, worker = origin(), addon(["request"])
    mode = f"reverse:http://{server.authority}"
    assert (proxy := weir(modes=[mode], addons=[worker])).get(f"{proxy.url}/").status == 200
    assert worker.wait("request")[0]["params"]["flow"]["client_conn"]["proxy_mode"] == mode


@pytest.mark.parametrize(
    "mode",
    [
        *("", "nonsense", "regular:data", "reverse", "reverse:", "reverse:http://", "reverse:gopher://a", "reverse:http://a/path"),
        *("reverse:http://a:0", "reverse:http://a:65536", "reverse:http://a:x", "regular@x", "regular@65536", "regular@-1", "regular@1@2"),
    ],
)
def test_a_bad_mode_is_named(mode):
    fails("--mode", mode, status=(1, 2), says=re.escape(mode) if mode else "mode", lines=3)


def test_two_modes_on_one_address_are_refused():
    fails("--mode", "regular", "--mode", "reverse:http://127.0.0.1:1", status=(1, 2), says="port|address|same", lines=3)


def test_a_port_in_use_is_one_clear_line(weir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fails(status=1, says=rf"{port}.*in use|in use.*{port}", port=port)


def test_a_port_in_use_starts_no_other_listener_either(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port, free = taken.getsockname()[1], free_port()
        fails("--mode", f"regular@{free}", "--mode", f"regular@{port}", status=1, says="in use")
        assert not listening(free)


def test_an_unknown_flag_is_a_usage_error():
    fails("--no-such-flag", status=2, says="no-such-flag", lines=8)


@pytest.mark.parametrize(
    "setting, says",
    [
        ("no_such_option=1", "no_such_option"),
        ("ssl_insecure=perhaps", "ssl_insecure"),
        ("connection_strategy=greedy", "connection_strategy"),
        ("flow_detail=many", "flow_detail"),
        ("tls_version_client_min=TLS9", "tls_version_client_min"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_names_it(setting, says):
    fails("--set", setting, status=2, says=says, lines=3)


def test_a_wrong_filter_is_a_usage_error(tmp_path):
    fails("--confdir", str(tmp_path), "~nonsense", status=2, says="~nonsense|filter", lines=3)


@pytest.mark.parametrize(
    "spec, says",
    [
        ("exec:/no/such/program", "/no/such/program"),
        ("/no/such/addon.py", "/no/such/addon.py"),
        ("exec:false", "false"),
        ("exec:true", "true"),
        ("unix:/no/such/socket", "/no/such/socket"),
        ("stdio:echo hello", "echo|hello"),
    ],
)
def test_an_addon_that_cannot_start_ends_the_start_before_any_port_is_open(tmp_path, spec, says):
    fails("--confdir", str(tmp_path), "--addon", spec, status=1, says=says, lines=3)


def test_no_port_is_open_while_an_addon_has_not_answered_initialize(weir, addon):
    """The worker answers after half a second; until it has, nothing listens."""
    code = """
send = worker.send
def slow(message):
    if "hooks" in message.get("result", {}):
        time.sleep(0.5)
        worker.note(answered=True)
    send(message)
worker.send = slow
"""
    worker = addon(["request"], code)
    run = weir(addons=[worker], wait=False)
    while not any("answered" in record for record in worker.records()):
        assert not listening(run.port)
    run.wait_ready([run.port])


def test_an_addon_that_refuses_to_initialize_is_named_with_its_reason(tmp_path, addon):
    code = """
worker.send = lambda message: worker.send_line(json.dumps(
    {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32000, "message": "the moon is full"}}).encode())
"""
    fails("--confdir", str(tmp_path), "--addon", addon(["request"], code).spec, status=1, says="the moon is full", lines=3)


def test_an_addon_that_asks_for_an_unknown_hook_is_refused_by_name(tmp_path, addon):
    fails("--confdir", str(tmp_path), "--addon", addon(["reqest"]).spec, status=1, says="reqest", lines=3)


def test_an_addon_with_a_bad_filter_is_refused(tmp_path, addon):
    worker = addon([{"name": "request", "filter": "~nonsense"}])
    fails("--confdir", str(tmp_path), "--addon", worker.spec, status=1, says="~nonsense|filter", lines=3)


def test_help_lists_every_option_with_its_default():
    done = run_to_end("--help")
    assert done.returncode == 0
    for option in ("--port", "--listen-host", "--mode", "--addon", "--addon-socket", "--set", "--confdir", "--flow-detail", "-q", "-v", "-s"):
        assert option in done.stdout, option
    for name, default in [
        *(("listen_port", "8080"), ("confdir", r"~/\.weir"), ("mode", "regular"), ("connection_strategy", "eager"), ("flow_detail", "1")),
        *(("ssl_insecure", "false"), ("ssl_verify_upstream_trusted_ca", ""), ("certs", ""), ("client_certs", "")),
        *(("tls_version_client_min", "TLS1_2"), ("tls_version_server_min", "TLS1_2"), ("ciphers_client", ""), ("ciphers_server", "")),
    ]:
        lines = re.search(rf"{name}\b[^\n]*(\n[^\n]*){{0,2}}", done.stdout)
        assert lines, f"--help does not list {name}"
        assert re.search(default, lines.group()), f"--help does not show the default {default} of {name}: {lines.group()}"


def test_a_script_runs_by_its_shebang_or_by_its_suffix(weir, origin, addon):
    server = origin()
    by_suffix, by_shebang = addon(["request"], name="suffix"), addon(["request"], name="shebang")
    by_shebang.script.write_text("#!/usr/bin/env python3\n" + by_shebang.script.read_text())
    by_shebang.script.chmod(0o755)
    program = by_shebang.script.rename(by_shebang.script.with_suffix(""))
    proxy = weir("-s", str(by_suffix.script), addons=[str(program)])
    assert proxy.get(server.url()).status == 200
    by_suffix.wait("request")
    by_shebang.wait("request")


def test_sigint_ends_a_run_as_cleanly_as_sigterm(weir, origin):
    import signal

    proxy = weir()
    assert proxy.get(origin().url()).status == 200
    proxy.process.send_signal(signal.SIGINT)
    assert proxy.process.wait(10) == 0
    proxy.stopped = True
