"""A certificate authority for the origins, made with the openssl command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Leaf:
    certificate: Path
    key: Path


class Authority:
    def __init__(self, folder: Path, name: str = "Origin test authority"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.made = folder, 0
        self.certificate, self.key = folder / "ca.pem", folder / "ca.key"
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"),
            *("-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def leaf(self, *names: str, subject: str | None = None) -> Leaf:
        """A certificate for the names; one that looks like an address becomes an address entry."""
        self.made += 1
        stem = self.folder / f"leaf{self.made}"
        made = Leaf(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        entries = ",".join(("IP:" if n.replace(".", "").isdigit() or ":" in n else "DNS:") + n for n in names)
        extensions.write_text(f"basicConstraints=CA:FALSE\nsubjectAltName={entries}\n")
        openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/O=Origin Works/CN={subject or names[0]}", "-keyout", made.key, "-out", request),
        )
        openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial"),
            *("-days", "20", "-sha256", "-extfile", extensions, "-out", made.certificate),
        )
        return made
