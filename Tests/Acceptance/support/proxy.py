"""The real binary as a process: started on a free port, stopped with SIGTERM, its output kept."""

import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .wire import Wire

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("WEIR_BINARY", ROOT / ".build/release/weir"))
CRASH = re.compile(r"Fatal error|Precondition failed|Assertion failed|Crash:|\*\*\* Signal|libc\+\+abi|Segmentation fault|AddressSanitizer")


def free_port() -> int:
    """A port below the ephemeral range, so that no outgoing connection takes it before the proxy does."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def listening(port: int) -> bool:
    """Whether something listens on the port; asked without connecting, which would be an event of its own."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            for line in lines:
                fields = line.split()
                if fields[1].endswith(wanted) and fields[3] == "0A":
                    return True
    return False


def eventually(claim, seconds: float = 5, what: str = "it"):
    """The first true value of `claim()`, asked again and again for a bounded time."""
    end = time.monotonic() + seconds
    while True:
        value = claim()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)


def peak(process) -> int:
    """The most memory that the process ever held, in bytes."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024


class Weir:
    """One run of the proxy."""

    binary = BINARY

    def __init__(self, folder: Path, confdir: Path, arguments: list[str], port: int, env: dict[str, str] | None = None, within=(), descriptors=()):
        self.confdir, self.port = confdir, port
        self.out, self.err = folder / "stdout", folder / "stderr"
        self.stopped = False
        # A second SIGTERM would end it at once.
        self.told = False
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [*within, self.binary, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, "NO_PROXY": "", "no_proxy": "", **(env or {})},
                cwd=folder,
                pass_fds=descriptors,
            )

    def wait_ready(self, ports: list[int], seconds: float = 15) -> "Weir":
        end = time.monotonic() + seconds
        while not all(listening(port) for port in ports):
            status = self.process.poll()
            assert status is None, f"weir left with status {status} before it listened:\n{self.log}"
            assert time.monotonic() < end, f"weir does not listen after {seconds} s:\n{self.log}"
            time.sleep(0.01)
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        return self.confdir / "weir-ca-cert.pem"

    @property
    def log(self) -> str:
        return self.err.read_text(errors="replace")

    @property
    def printed(self) -> str:
        return self.out.read_text(errors="replace")

    def wait_log(self, pattern: str, seconds: float = 5) -> re.Match:
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.log, re.IGNORECASE)
            if found:
                return found
            assert time.monotonic() < end, f"no line of the log matches {pattern!r}:\n{self.log}"
            time.sleep(0.02)

    def connect(self, timeout: float = 10) -> Wire:
        return Wire.to(self.port, timeout)

    def tunnel(self, authority: str) -> Wire:
        """A connection on which CONNECT was answered with 200."""
        wire = self.connect()
        wire.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        head = wire.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        return wire

    def get(self, url: str, *headers: str, method: str = "GET", body: bytes = b""):
        """One request on its own connection, with `Connection: close`, and its response.

        A URL of the proxy itself, as in reverse mode, is asked for in origin-form.
        """
        authority = url.split("/")[2]
        target = url.removeprefix(self.url) or "/"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {authority}", *headers, "Connection: close"]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with self.connect() as wire:
            wire.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            return wire.response(method)

    def curl(self, url: str, *arguments: str, seconds: float = 20) -> subprocess.CompletedProcess:
        """curl through the proxy, trusting its CA; standard output is the body, standard error what curl says."""
        command = ["curl", "-sS", "--max-time", str(seconds), "-x", self.url, "--cacert", self.ca, *arguments, url]
        return subprocess.run(command, capture_output=True, timeout=seconds + 5)

    def terminate(self) -> None:
        if self.process.poll() is None and not self.told:
            self.told = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 10) -> None:
        """Ends the run with SIGTERM, which must be a clean end: status 0 and no crash in what was written."""
        if self.stopped:
            return
        self.stopped = True
        early = None if self.told else self.process.poll()
        self.terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"weir did not leave within {seconds} s of SIGTERM:\n{self.log}") from None
        assert early is None, f"weir had left by itself with status {early}:\n{self.log}"
        assert status == 0, f"weir left with status {status} after SIGTERM:\n{self.log}"
        crash = CRASH.search(self.log)
        assert not crash, f"weir's log has {crash and crash.group()!r}:\n{self.log}"


def trusting(arguments) -> list[str]:
    """A command line whose addons may write their records, if it has addons and says nothing of their level."""
    words = [*map(str, arguments)]
    has_addon = any(word in ("-s", "--addon") for word in words)
    return words + ["--set", "addon_level=trusted"] if has_addon and "addon_level" not in " ".join(words) else words


def run_to_end(*arguments: str, seconds: float = 15, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """A run that is expected to end by itself, in an empty home."""
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [BINARY, *trusting(arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, "HOME": home, **(env or {})},
        )
