"""curl through CONNECT to nginx with TLS, and the five examples chained in one run."""

import re
import subprocess
from pathlib import Path

import pytest

from support.proxy import ROOT

LANGUAGES = ["python", "jq", "bash", "node", "c"]
EXAMPLES = ROOT / "addon-examples"


def example(language: str) -> str:
    """The `--addon` value that runs an example; its README says which one it is, on a line that has `--addon`."""
    folder = EXAMPLES / language / "count"
    build = folder / "build"
    if build.exists():
        subprocess.run([build], check=True, capture_output=True, timeout=60)
    for name, form in [("count.py", ""), ("count.js", ""), ("count.jq", "stdio:"), ("count.sh", ""), ("count", "")]:
        if (folder / name).exists():
            return form + str(folder / name)
    raise AssertionError(f"no example in {folder}")


def test_curl_trusts_the_ca_file_and_reaches_nginx_over_tls(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1", "localhost"))
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    answer = proxy.curl(server.url("/hello"))
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert "GET /hello HTTP/1.1 200 ssl=TLSv1.3" in server.served()[0]


@pytest.mark.seconds(60)
def test_five_examples_in_one_chain_add_five_headers_in_order(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1", "localhost"))
    proxy = weir(
        *("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}"), addons=[example(language) for language in LANGUAGES]
    )
    for count in (1, 2, 3):
        answer = proxy.curl(server.url("/hello"), "-i")
        assert answer.returncode == 0, answer.stderr
        added = re.findall(rb"^x-addon-(\w+): (\d+)\r$", answer.stdout, re.MULTILINE | re.IGNORECASE)
        assert added == [(language.encode(), str(count).encode()) for language in LANGUAGES]
        assert answer.stdout.endswith(b"\r\n\r\nhello\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_example_runs_alone(weir, origin, language):
    proxy = weir(addons=[example(language)])
    server = origin()
    for count in (b"1", b"2"):
        assert proxy.get(server.url()).one(f"x-addon-{language}") == count


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_has_at_most_40_lines(language):
    folder = EXAMPLES / language / "count"
    sources: list[Path] = [p for p in folder.iterdir() if p.suffix in {".py", ".js", ".jq", ".sh", ".c"}]
    assert sources
    for source in sources:
        assert len(source.read_text().splitlines()) <= 40, source
