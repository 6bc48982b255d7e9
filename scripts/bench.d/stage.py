"""Where one run takes place: a folder, ports, certificates, the origin, and the programs of a peer."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from cells import SIZES, Cell
from programs import Program, free_port, memory, user_and_system

TEMPLATES = Path(__file__).resolve().parent / "peers"
LINE = re.compile(r"\[((?:!?(?:tls|addon|body|forward|root),?)+)\](.*)")


class Stage:
    """Ends all that was started in it, in the opposite order, at the end of the block."""

    def __init__(self, cell: Cell, tools: dict):
        self.cell, self.tools, self.programs = cell, tools, {}

    def __enter__(self):
        self.directory = directory = Path(tempfile.mkdtemp(prefix="weir-bench-"))
        directory.chmod(0o777)  # some peers give up root's rights
        self.port, self.origin, self.agent = free_port(), free_port(), free_port()
        self.socket = directory / "addon.sock"
        try:
            if self.cell.is_tls:
                make_certificate(directory)
            (directory / "www").mkdir()
            for path, size in SIZES.items():
                (directory / f"www{path}").write_bytes(b"a" * size)
            self.start("origin", "nginx", "-c", self.config("origin.conf"), ready=self.origin)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs.values()):
            program.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, role, *command, ready, starts_addons=False):
        self.programs[role] = Program(command, self.directory / f"{role}.out", ready, starts_addons=starts_addons)

    def config(self, name) -> Path:
        """A template with its values. @name@ is one; a line with [tls], [!forward] or several with commas in front is there where that holds."""
        cell = self.cell
        holds = {"tls": cell.is_tls, "addon": bool(cell.addon), "body": cell.addon == "body", "forward": cell.is_forward, "root": os.getuid() == 0}
        values = {"dir": self.directory, "port": self.port, "origin": self.origin, "agent": self.agent, "socket": self.socket}
        values["modules"] = next(Path("/usr/lib").glob("*/c_icap"), "")  # of c-icap
        lines = []
        for line in (TEMPLATES / name).read_text().splitlines():
            if found := LINE.match(line):
                if not all(holds[claim.lstrip("!")] != claim.startswith("!") for claim in found[1].split(",")):
                    continue
                line = found[2]
            lines.append(re.sub("@([a-z]+)@", lambda value: str(values[value[1]]), line))
        path = self.directory / name
        path.write_text("\n".join(lines) + "\n")
        return path

    def parts(self) -> dict[str, list[int]]:
        """Processes by what they are. What Weir starts is its addon; other proxies' are programs of their own."""
        parts = {role: [program.pid, *program.below()] for role, program in self.programs.items()}
        if "addon" not in parts and self.programs.get("proxy") and self.programs["proxy"].starts_addons:
            parts["proxy"], parts["addon"] = parts["proxy"][:1], parts["proxy"][1:]
        return {part: pids for part, pids in parts.items() if pids}

    def processor_seconds(self) -> dict[str, tuple[float, float]]:
        """(in the program, in the kernel) of each part."""
        return {part: user_and_system(pids) for part, pids in self.parts().items()}

    def peaks(self) -> dict[str, int]:
        """Bytes: the processes' highest resident sets together, so that a page which they share counts in each."""
        return {part: sum(memory(pid, "VmHWM") for pid in pids) for part, pids in self.parts().items()}

    def logs(self) -> str:
        texts = {role: program.log.read_text(errors="replace").strip()[-300:] for role, program in self.programs.items()}
        return "; ".join(f"{role}: {text}" for role, text in texts.items() if text)


def make_certificate(directory):
    """A P-256 key and a certificate of its own for the origin and the proxies: leaf.pem has both."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", directory / "leaf.key", "-out", directory / "leaf.crt"],
        check=True, capture_output=True,
    )
    (directory / "leaf.pem").write_bytes((directory / "leaf.crt").read_bytes() + (directory / "leaf.key").read_bytes())
    (directory / "leaf.pem").chmod(0o644)
