"""curl through CONNECT to nginx with TLS, and the five examples chained in one run."""

import re
import subprocess
from pathlib import Path

import pytest

from support.proxy import ROOT

LANGUAGES = ["python", "jq", "bash", "node", "c"]
EXAMPLES = ROOT / "addon-examples"


def sources(language: str) -> list[Path]:
    return [p for p in (EXAMPLES / language / "count").iterdir() if p.suffix in {".py", ".js", ".jq", ".sh", ".c"}]


def example(language: str) -> str:
    """The `--addon` value that the example's own source names in its line "Run: weir --addon …"; built if it must be."""
    build = EXAMPLES / language / "build"
    if build.exists():
        subprocess.run([build], check=True, capture_output=True, timeout=60)
    (source,) = sources(language)
    run = re.search(r"""Run: .*weir --addon (?:'([^']+)'|([^\s"]+))""", source.read_text())
    assert run, f"{source} does not say how to run it"
    return (run[1] or run[2]).replace("addon-examples/", f"{EXAMPLES}/")


def test_curl_trusts_the_ca_file_and_reaches_nginx_over_tls(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1", "localhost"))
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    answer = proxy.curl(server.url("/hello"))
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert "GET /hello HTTP/1.1 200 ssl=TLSv1.3" in server.served(1)[0]


@pytest.mark.seconds(60)
def test_five_examples_in_one_chain_add_five_headers_in_order(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1", "localhost"))
    proxy = weir(
        *("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}"), addons=[example(language) for language in LANGUAGES], level=None
    )
    for count in (1, 2, 3):
        answer = proxy.curl(server.url("/hello"), "-i")
        assert answer.returncode == 0, answer.stderr
        added = re.findall(rb"^x-addon-(\w+): (\d+)\r$", answer.stdout, re.MULTILINE | re.IGNORECASE)
        assert added == [(language.encode(), str(count).encode()) for language in LANGUAGES]
        assert answer.stdout.endswith(b"\r\n\r\nhello\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_example_runs_alone(weir, origin, language):
    proxy = weir(addons=[example(language)], level=None)
    server = origin()
    for count in (b"1", b"2"):
        assert proxy.get(server.url()).one(f"x-addon-{language}") == count


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_has_at_most_40_lines(language):
    (source,) = sources(language)
    assert len(source.read_text().splitlines()) <= 40
