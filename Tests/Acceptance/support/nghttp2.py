"""The programs of nghttp2: nghttpd, a server of files, and nghttpx, a reverse proxy. The tests are held against both as well."""

import shutil
import signal
import subprocess
from pathlib import Path

from .certificates import Leaf
from .proxy import eventually, free_port, listening


class Program:
    """One of them in a folder of its own; what it prints is in `output`."""

    def __init__(self, folder: Path, name: str, port: int, *arguments: str | Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.output = port, folder / "output"
        binary = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/usr/local/sbin:/usr/local/bin")
        assert binary, f"{name} is not installed"
        with open(self.output, "wb") as output:
            command = [binary, *arguments]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder)
        try:
            eventually(lambda: listening(port), 10, f"{name} listening, see {self.output},")
        except AssertionError:
            self.stop()
            raise

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Nghttpd(Program):
    """Serves the files of `documents`, over TLS if there is a certificate; what is sent with POST or PUT comes back."""

    def __init__(self, folder: Path, documents: Path, leaf: Leaf | None = None, *arguments: str):
        port, self.scheme = free_port(), "https" if leaf else "http"
        certificate = [leaf.key, leaf.certificate] if leaf else []
        options = ["-a", "127.0.0.1", "-d", documents, "--echo-upload", *arguments] + ([] if leaf else ["--no-tls"])
        super().__init__(folder, "nghttpd", port, *options, str(port), *certificate)

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://{self.authority}{path}"


class Nghttpx(Program):
    """Forwards everything to `target`, a port of this machine, over HTTP/2 in cleartext if it is told so."""

    def __init__(self, folder: Path, target: int, http2: bool = False, leaf: Leaf | None = None, *arguments: str):
        port = free_port()
        backend = f"-b127.0.0.1,{target};" + ";proto=h2" * http2
        frontend = f"-f127.0.0.1,{port}" + ";no-tls" * (leaf is None)
        certificate = [leaf.key, leaf.certificate] if leaf else []
        super().__init__(folder, "nghttpx", port, "--conf=/dev/null", "--workers=1", frontend, backend, *arguments, *certificate)
