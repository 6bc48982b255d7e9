"""What is printed: flows to standard output by --flow-detail, the log to standard error, less with -q, more with -v."""

import re

import pytest

from support.origin import answering
from support.proxy import free_port

LINES = "".join(f"line {n}\n" for n in range(1000)).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Shown: yes\r\nContent-Length: %d\r\n\r\n%s" % (len(LINES), LINES)


def printed(weir, origin, *arguments: str) -> tuple[str, str, str]:
    """One flow through a proxy with these arguments: its URL, standard output and standard error."""
    server = origin(answering(RESPONSE))
    proxy = weir(*arguments)
    assert proxy.get(server.url("/path?q=1"), "X-Asked: yes").body == LINES
    proxy.stop()
    return server.url("/path?q=1"), proxy.printed, proxy.log


def test_detail_0_prints_no_flow(weir, origin):
    _, out, _ = printed(weir, origin, "--flow-detail", "0")
    assert out.strip() == ""


@pytest.mark.parametrize("arguments", [(), ("--flow-detail", "1"), ("--set", "flow_detail=1")])
def test_detail_1_prints_the_request_line_and_the_answer(weir, origin, arguments):
    url, out, _ = printed(weir, origin, *arguments)
    assert re.search(rf"127\.0\.0\.1:\d+: GET {re.escape(url)}", out), out
    assert re.search(r"<< .*200 OK.*8\.7k", out), out
    assert "X-Shown" not in out and "line 1" not in out
    assert len(out.splitlines()) <= 3


def test_detail_2_adds_the_headers(weir, origin):
    url, out, _ = printed(weir, origin, "--flow-detail", "2")
    assert url in out
    assert "X-Asked: yes" in out and "X-Shown: yes" in out
    assert "line 1" not in out


def test_detail_3_adds_the_beginning_of_the_content(weir, origin):
    _, out, _ = printed(weir, origin, "--flow-detail", "3")
    assert "X-Shown: yes" in out
    assert "line 1\n" in out
    assert "line 999" not in out


def test_detail_4_prints_all_of_the_content(weir, origin):
    _, out, _ = printed(weir, origin, "--flow-detail", "4")
    assert "line 1\n" in out and "line 999\n" in out


def test_a_failed_flow_is_printed_with_its_error(weir):
    proxy, port = weir(), free_port()
    assert proxy.get(f"http://127.0.0.1:{port}/").status == 502
    proxy.stop()
    assert f"GET http://127.0.0.1:{port}/" in proxy.printed
    assert re.search(r"<< .*(refused|connect)", proxy.printed, re.IGNORECASE), proxy.printed


def test_quiet_prints_nothing_at_all(weir, origin):
    _, out, err = printed(weir, origin, "-q")
    assert (out, err) == ("", "")


def test_verbose_says_more_than_the_default(weir, origin):
    _, _, usual = printed(weir, origin)
    _, _, verbose = printed(weir, origin, "-v")
    assert len(verbose.splitlines()) > len(usual.splitlines())


def test_the_start_is_one_line_that_names_the_address(weir):
    proxy = weir()
    proxy.stop()
    assert re.search(rf"127\.0\.0\.1:{proxy.port}", proxy.log)
    assert len([line for line in proxy.log.splitlines() if str(proxy.port) in line]) == 1


def test_a_filter_selects_what_is_printed(weir, origin):
    server, proxy = origin(), weir("~u /wanted")
    for path in ("/wanted", "/other"):
        assert proxy.get(server.url(path)).status == 200
    proxy.stop()
    assert "/wanted" in proxy.printed and "/other" not in proxy.printed


def test_no_colour_when_the_output_is_no_terminal(weir, origin):
    _, out, err = printed(weir, origin, "--flow-detail", "2", "-v")
    assert "\x1b" not in out + err


def test_control_characters_of_a_peer_do_not_reach_the_terminal(weir, origin):
    server = origin(answering(b"HTTP/1.1 200 \x1b[31mred\r\nX-Bell: \x07\x1b]0;title\r\nContent-Length: 0\r\n\r\n"))
    proxy = weir("--flow-detail", "2")
    proxy.get(server.url())
    proxy.stop()
    assert "\x1b" not in proxy.printed and "\x07" not in proxy.printed


@pytest.mark.parametrize("form", ["exec", "stdio"])
def test_what_a_worker_writes_reaches_the_log_under_its_name(weir, addon, origin, form):
    code = """
@worker.on("request")
def request(message):
    print("to stderr", file=sys.stderr, flush=True)
"""
    if form == "exec":
        code += "    print('to stdout', flush=True)\n"
    worker = addon(["request"], code, name="talkative", form=form)
    proxy = weir(addons=[worker])
    assert proxy.get(origin().url()).status == 200
    proxy.wait_log(r"talkative.*to stderr")
    if form == "exec":
        proxy.wait_log(r"talkative.*to stdout")


def test_a_worker_that_writes_without_end_does_not_fill_the_log_or_stop_traffic(weir, addon, origin):
    code = """
threading.Thread(target=lambda: [print("x" * 100_000, flush=True) for _ in range(200)], daemon=True).start()
"""
    worker = addon(["request"], code, name="flooding")
    proxy = weir(addons=[worker])
    assert proxy.get(origin().url()).status == 200
    worker.wait("request")
    assert all(len(line) < 70_000 for line in proxy.log.splitlines()), "a line without bound"
