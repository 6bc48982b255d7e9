"""nginx in a folder of its own, in the foreground, as one process."""

import shutil
import signal
import subprocess
from pathlib import Path

from .certificates import Leaf
from .proxy import eventually, free_port, listening

CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    log_format told '$request $status ssl=$ssl_protocol reused=$ssl_session_reused client=$ssl_client_s_dn $server_protocol';
    access_log {folder}/access.log told;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 64m;
    keepalive_requests 10000000;
    server {{
        listen 127.0.0.1:{port}{how};
        server_name _;
        {certificate}
        ssl_protocols TLSv1.2 TLSv1.3;
        {extra}
        location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
        location / {{ default_type text/plain; return 200 "$request_method $uri\\n"; }}
    }}
}}
"""


class Nginx:
    """Answers `/hello` with "hello" and everything else with its method and path.

    With `http2` it speaks HTTP/2: chosen by ALPN with a certificate, with prior knowledge and nothing else without one.
    """

    def __init__(self, folder: Path, leaf: Leaf | None = None, extra: str = "", http2: bool = False):
        folder.mkdir(parents=True)
        self.folder, self.port, self.scheme = folder, free_port(), "https" if leaf else "http"
        certificate = f"ssl_certificate {leaf.certificate}; ssl_certificate_key {leaf.key};" if leaf else ""
        config = folder / "nginx.conf"
        config.write_text(
            CONFIG.format(folder=folder, port=self.port, how=" ssl" * bool(leaf) + " http2" * http2, certificate=certificate, extra=extra)
        )
        binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/usr/local/sbin:/usr/local/bin")
        assert binary, "nginx is not installed"
        with open(folder / "output", "wb") as output:
            self.process = subprocess.Popen([binary, "-p", folder, "-c", config], stdout=output, stderr=output)
        try:
            eventually(lambda: listening(self.port), 10, f"nginx listening, see {folder}/output,")
        except AssertionError:
            self.stop()
            raise

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/hello") -> str:
        return f"{self.scheme}://{self.authority}{path}"

    def served(self, awaited: int = 0) -> list[str]:
        """A line for each request, of which the awaited number is there: nginx writes one when the answer has left."""
        if awaited:
            eventually(lambda: len(self.served()) >= awaited, what=f"{awaited} requests at nginx")
        log = self.folder / "access.log"
        return log.read_text().splitlines() if log.exists() else []

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
