"""The real mitmdump as a process, with an addon inside it, where Weir runs the same addon beside itself."""

import signal
from pathlib import Path

from .proxy import ROOT, Weir, free_port


class Mitmdump(Weir):
    """One run of it."""

    binary = ROOT / ".venv-mitmproxy/bin/mitmdump"
    # Its library in Rust, which serves UDP, is now and then hit by a signal while Python ends, behind everything that was to be done.
    ENDS = (0, -signal.SIGSEGV)

    @classmethod
    def started(cls, folder: Path, *arguments: str, addons=(), modes=("regular",)) -> "Mitmdump":
        """Runs it on loopback, and does not wait until it listens."""
        assert cls.binary.exists(), "there is no .venv-mitmproxy: run scripts/setup --tests"
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        words = ["-p", str(port), "--listen-host", "127.0.0.1", "--set", f"confdir={folder / 'confdir'}", "--set", "flow_detail=0"]
        words += [word for mode in modes for word in ("--mode", mode)] + [word for addon in addons for word in ("-s", str(addon))]
        return cls(folder, folder / "confdir", [*words, *arguments], port, {"PYTHONUNBUFFERED": "1"})

    @property
    def ca(self) -> Path:
        return self.confdir / "mitmproxy-ca-cert.pem"

    @property
    def log(self) -> str:
        return self.out.read_text(errors="replace") + super().log

    def stop(self, seconds: float = 10) -> None:
        if not self.stopped:
            self.stopped = True
            self.terminate()
            status = self.process.wait(seconds)
            assert status in self.ENDS, f"mitmdump left with status {status}:\n{self.log}"
