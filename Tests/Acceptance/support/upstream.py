"""HTTP proxies that others have written, for the proxy under test to go through."""

import shutil
import signal
import subprocess
from pathlib import Path

from .proxy import ROOT, eventually, free_port, listening

TINYPROXY = """\
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 100
LogLevel Connect
LogFile "{folder}/log"
{auth}
"""


class Upstream:
    """A proxy on loopback; `login` is `name:password`, demanded of everybody."""

    scheme = "http"

    def __init__(self, folder: Path, login: str = ""):
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        self.output = folder / "output"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(self.command(login), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            eventually(lambda: listening(self.port), 20, f"{type(self).__name__} listening, see {self.output},")
        except AssertionError:
            self.stop()
            raise

    def command(self, login: str) -> list:
        raise NotImplementedError

    @property
    def mode(self) -> str:
        return f"upstream:{self.scheme}://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        files = [self.output, self.folder / "log"]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Tinyproxy(Upstream):
    def command(self, login: str) -> list:
        binary = shutil.which("tinyproxy")
        assert binary, "tinyproxy is not installed: run scripts/setup --tests"
        name, _, word = login.partition(":")
        config = self.folder / "conf"
        config.write_text(TINYPROXY.format(port=self.port, folder=self.folder, auth=f"BasicAuth {name} {word}" if login else ""))
        return [binary, "-d", "-c", config]


class Mitmproxy(Upstream):
    """Passes tunnels on untouched. It takes HTTP and TLS on its port."""

    options = ["ignore_hosts=.*"]

    def command(self, login: str) -> list:
        binary = ROOT / ".venv-mitmproxy/bin/mitmdump"
        assert binary.exists(), "there is no .venv-mitmproxy: run scripts/setup --tests"
        options = [f"confdir={self.folder}", "flow_detail=1", "termlog_verbosity=debug", *self.options]
        if login:
            options.append(f"proxyauth={login}")
        sets = [part for option in options for part in ("--set", option)]
        return [binary, "--listen-host", "127.0.0.1", "-p", str(self.port), *sets]

    @property
    def ca(self) -> Path:
        return self.folder / "mitmproxy-ca-cert.pem"


class MitmproxyOverTLS(Mitmproxy):
    """Spoken to over TLS. It intercepts TLS in tunnels, since 11.0.2 never passes it on there: not to curl either."""

    scheme = "https"
    options = ["ssl_insecure=true"]
