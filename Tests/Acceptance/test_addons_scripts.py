"""The examples that use no library, over real traffic and confined as they would be: jq, Bash, Perl, PHP and Lua; and their starting points."""

import gzip
import shutil
import threading
from pathlib import Path

import pytest

from support.origin import answering
from support.proxy import ROOT, eventually, run_to_end

EXAMPLES = ROOT / "addon-examples"


def ok(body: bytes = b"ok", *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


# Starting points


def started(language: str, folder: Path, name: str = "tag") -> Path:
    """The starting point of that language with its name filled in, as `weir addon new` writes it: the file to run."""
    source, made = EXAMPLES / language / "new", folder / name
    made.mkdir()
    for file in source.iterdir():
        if file.name != "RUN":
            copy = made / file.name.replace("NAME", name)
            copy.write_text(file.read_text().replace("NAME", name))
            copy.chmod(file.stat().st_mode & 0o777)
    if (source.parent / "sdk").exists():
        shutil.copytree(source.parent / "sdk", made / "sdk")
    return made / (source / "RUN").read_text().splitlines()[0].replace("NAME", name)


LANGUAGES = ["bash", "jq", "lua", "perl", "php", "ruby"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("executable", [True, False], ids=["executable", "by its suffix"])
def test_a_starting_point_works_on_its_first_run(weir, origin, tmp_path, language, executable):
    file = started(language, tmp_path)
    file.chmod(0o755 if executable and file.read_text().startswith("#!") else 0o644)
    server = origin(answering(ok(b"ok", "X-Raw: \xff", "X-Line: \u2028".encode().decode("latin-1"))))
    proxy = weir(addons=[str(file)], level=None)
    for _ in range(2):
        answer = proxy.get(server.url())
        assert (answer.status, answer.body, answer.one("x-tag")) == (200, b"ok", b"1"), proxy.log
        assert answer.one("x-raw") == b"\xff" and answer.one("x-line") == "\u2028".encode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_starting_point_is_short_and_says_how_to_run_and_check_it(language, tmp_path):
    file = started(language, tmp_path)
    readme = (file.parent / "README.md").read_text()
    assert len(readme.splitlines()) <= 24 and len(file.read_text().splitlines()) <= 40
    assert f"--addon {file.name}" in readme and "weir addon check" in readme and "NAME" not in readme


# header and count


@pytest.mark.parametrize("example", ["bash/header/header.sh", "jq/header/header.jq"])
def test_the_header_is_added_both_ways(weir, origin, example):
    server = origin(answering(ok(b"ok", "X-Raw: \xff")))
    proxy = weir(addons=[str(EXAMPLES / example)], level=None)
    for number in range(1, 4):
        answer = proxy.get(server.url(), "X-Raw: \xfe")
        assert answer.one("x-addon") == b"1" and answer.one("x-raw") == b"\xff", proxy.log
        seen = server.received[number - 1]
        assert seen.one("x-addon") == b"1" and seen.one("x-raw") == b"\xfe"
    assert "failed" not in proxy.log


@pytest.mark.parametrize("example", ["bash/header/header.sh", "bash/count/count.sh"])
def test_bash_adds_to_an_empty_list_of_headers(weir, origin, example):
    server = origin(answering(b"HTTP/1.1 204 No Content\r\n\r\n"))
    proxy = weir(addons=[str(EXAMPLES / example)], level=None)
    answer = proxy.get(server.url())
    assert [name for name, _ in answer.headers if name.lower().startswith(b"x-addon")], proxy.log


def test_jq_counts_when_it_is_run_by_its_suffix_and_by_a_command(weir, origin):
    server, path = origin(), EXAMPLES / "jq/count/count.jq"
    for spec in (str(path), f"stdio:jq -cn --unbuffered -f {path}"):
        proxy = weir(addons=[spec], level=None)
        assert [proxy.get(server.url()).one("x-addon-jq") for _ in range(3)] == [b"1", b"2", b"3"]


def test_the_program_of_the_readme_runs_as_a_file(weir, origin, tmp_path):
    text = (ROOT / "README.md").read_text()
    program = text[text.index("    (if .method") : text.index("\n\n    scripts/weir -p 8080 --addon 'stdio:jq")]
    (tmp_path / "tag.jq").write_text(program)
    server = origin()
    for spec in (str(tmp_path / "tag.jq"), f"stdio:jq -c --unbuffered -f {tmp_path}/tag.jq"):
        assert weir(addons=[spec], level=None).get(server.url()).one("x-addon") == b"jq"


def test_the_program_of_the_protocols_first_words_is_a_complete_addon(weir, origin):
    text = (ROOT / "Protocol/README.md").read_text()
    command = text[text.index("    jq -c --unbuffered '") :].split("\n\n")[0].strip()
    proxy, server = weir(addons=[f"stdio:{command}"], level=None), origin()
    assert [proxy.get(server.url()).one("x-addon") for _ in range(2)] == [b"jq", b"jq"]


# perl/auth

AUTH = str(EXAMPLES / "perl/auth/auth.pl")


def auth(weir, command: str, *arguments: str, **options):
    return weir("--set", f"auth_command={command}", *arguments, addons=[AUTH], level=None, **options)


def test_the_command_decides_and_is_told_what_is_asked(weir, origin):
    server = origin(answering(ok()))
    said = 'echo "$AUTH_METHOD $AUTH_SCHEME $AUTH_HOST $AUTH_PORT $AUTH_PATH $AUTH_CLIENT" >&2; '
    proxy = auth(weir, said + 'case "$AUTH_AUTHORIZATION" in "Basic bWU6aXQ=") exit 0;; "") exit 1;; *) exit 7; esac')
    unknown = proxy.get(server.url("/a?b='$(exit)"))
    assert unknown.status == 401 and unknown.one("www-authenticate").startswith(b"Basic")
    assert proxy.get(server.url(), "Authorization: Basic bm90Om1l").status == 403
    assert proxy.get(server.url(), "Authorization: \xff\xfe").status == 403
    assert not server.received
    assert proxy.get(server.url("/in"), "authorization: Basic bWU6aXQ=").body == b"ok"
    assert [request.target for request in server.received] == [b"/in"]
    proxy.wait_log(rf"GET http 127\.0\.0\.1 {server.port} /a\?b='\$\(exit\) 127\.0\.0\.1")


def test_commands_run_at_the_same_time_and_do_not_hold_up_others(weir, origin, tmp_path):
    """Each of the slow ones waits until all of them run."""
    server, meeting = origin(answering(ok())), tmp_path / "meeting"
    meeting.mkdir()
    slow = f'case "$AUTH_PATH" in /slow*) : > {meeting}$AUTH_PATH; until [ "$(ls {meeting} | wc -l)" = 4 ]; do sleep 0.05; done; esac'
    proxy = auth(weir, slow, "--set", "addon_level=trusted")
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(proxy.get(server.url(f"/slow{n}")).status)) for n in range(3)]
    for thread in threads:
        thread.start()
    assert proxy.get(server.url("/quick")).status == 200 and not answers
    assert proxy.get(server.url("/slow4")).status == 200
    for thread in threads:
        thread.join(10)
    assert answers == [200] * 3


def test_a_command_that_does_not_end_lets_nothing_through(weir, origin, tmp_path):
    """Its event runs out of time, and it is ended with all that it started."""
    server, pids = origin(answering(ok())), tmp_path / "pids"
    proxy = auth(weir, f"case $AUTH_PATH in /ends) exit 0; esac; sleep 1000 & echo $$ $! > {pids}; wait", "--set", "addon_level=trusted")
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        eventually(lambda: pids.exists() and pids.read_text().endswith("\n"), what="the command")
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split()), what="the end of the command")
    assert proxy.get(server.url("/ends")).status == 200
    assert [request.target for request in server.received] == [b"/ends"]


def test_without_a_command_nobody_passes(weir, origin):
    proxy, server = weir(addons=[AUTH], level=None), origin()
    assert proxy.get(server.url(), "Authorization: Basic bWU6aXQ=").status == 403 and not server.received
    proxy.wait_log("auth_command is empty: nobody may pass")


# php/html

HTML = str(EXAMPLES / "php/html/html.php")
LINE = b"<p>gr&#246;&#223;er &amp; &#128049;</p>"
PAGES = {
    "plain": (b"<html><body>hello</body></html>", b"<html><body>" + LINE + b"hello</body></html>", ""),
    "attributes": (b"<BODY class=\"a>b\" id='c>d' >x", b"<BODY class=\"a>b\" id='c>d' >" + LINE + b"x", ""),
    "hidden tags": (
        b"<!-- <body> --><script>'<body>'</script><title><body></title><bodysuit><body>x",
        b"<!-- <body> --><script>'<body>'</script><title><body></title><bodysuit><body>" + LINE + b"x",
        "",
    ),
    "utf-8": ("<body>größer\u2028".encode(), b"<body>" + LINE + "größer\u2028".encode(), "; charset=utf-8"),
    "latin-1": (b"<body>gr\xf6\xdfer", b"<body>" + LINE + b"gr\xf6\xdfer", "; charset=ISO-8859-1"),
    "shift_jis": ("<body>表示ソ".encode("shift_jis"), b"<body>" + LINE + "表示ソ".encode("shift_jis"), "; charset=Shift_JIS"),
    "no tag": (b"hello", b"hello" + LINE, ""),
    "utf-16": ("<body>x".encode("utf-16"), "<body>x".encode("utf-16"), ""),
    "utf-16 without a mark": ("<body>x".encode("utf-16-be"), "<body>x".encode("utf-16-be"), '; charset="UTF-16BE"'),
    "iso-2022-jp": ("<body>表".encode("iso-2022-jp"), "<body>表".encode("iso-2022-jp"), "; charset=iso-2022-jp"),
    "empty": (b"", b"", ""),
    "large": (b"<body>" + b"<b>\xe9</b>" * 200_000, b"<body>" + LINE + b"<b>\xe9</b>" * 200_000, "; charset=latin1"),
    "an open comment": (b"<!-- " * 50_000, b"<!-- " * 50_000 + LINE, ""),
    "an open script": (b"<script>" * 50_000, b"<script>" * 50_000 + LINE, ""),
    "open tags": (b"<body x='" * 50_001 + b"<body y" * 50_000, b"<body x='" * 50_001 + b"<body y" * 50_000 + LINE, ""),
}


def test_a_page_gets_its_line_in_every_charset(weir, origin):
    def page(request):
        body, _, charset = PAGES[request.target.decode().strip("/").replace("%20", " ")]
        return ok(gzip.compress(body, 1), f"Content-Type: text/html{charset}", "Content-Encoding: gzip")

    server = origin(answering(page))
    proxy = weir("--set", "html_banner=größer & 🐱", addons=[HTML], level=None)
    for name, (_, expected, _) in PAGES.items():
        answer = proxy.get(server.url("/" + name.replace(" ", "%20")))
        assert answer.status == 200 and gzip.decompress(answer.body) == expected, (name, proxy.log)


def test_what_is_no_html_stays_and_the_line_can_change(origin, caller):
    server = origin(answering(lambda request: ok(b"<body>", "Content-Type: text/" + request.target.decode().strip("/"))))
    proxy, worker = caller("--set", "html_banner=one", addons=[HTML], permissions=["options.set"])
    assert proxy.get(server.url("/plain")).body == b"<body>"
    assert proxy.get(server.url("/html")).body == b"<body><p>one</p>"
    answer = worker.call("options.set", options={"html_banner": "<two>"})
    assert "result" in answer, answer
    assert proxy.get(server.url("/html")).body == b"<body><p>&lt;two&gt;</p>"


# lua/map

MAP = str(EXAMPLES / "lua/map/map.lua")


def test_requests_go_to_the_host_that_is_named(weir, origin):
    first, second = origin(answering(ok(b"first"))), origin(answering(ok(b"second")))
    maps = [f"old.example=127.0.0.1:{first.port}", f"Other.Example=http://127.0.0.1:{second.port}"]
    proxy = weir(*[word for entry in maps for word in ("--set", f"map_hosts={entry}")], addons=[MAP], level=None)
    assert proxy.get("http://OLD.example/a?b", "X-Raw: \xff").body == b"first", proxy.log
    assert proxy.get("http://other.example/").body == b"second"
    assert proxy.get(second.url("/as-it-is")).body == b"second"
    (seen,) = first.received
    assert seen.target == b"/a?b" and seen.one("host") == f"127.0.0.1:{first.port}".encode() and seen.one("x-raw") == b"\xff"


def test_it_maps_a_request_without_any_headers(weir, origin):
    """An empty list is written as an object by lua-cjson."""
    server = origin(answering(ok()))
    proxy = weir("--set", f"map_hosts=old.example=127.0.0.1:{server.port}", addons=[MAP], level=None)
    with proxy.connect() as wire:
        wire.send(b"GET http://old.example/ HTTP/1.0\r\n\r\n")
        assert wire.response().body == b"ok"


def test_an_entry_that_cannot_be_read_is_refused():
    run = run_to_end("-p", "0", "--addon", MAP, "--set", "map_hosts=nonsense")
    assert run.returncode == 1 and "'nonsense' is not FROM=TO" in run.stderr
