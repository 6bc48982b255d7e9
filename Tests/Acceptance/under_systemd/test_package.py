"""The Debian package: installed, upgraded under load, removed and purged where a systemd runs."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from support.load import Load
from support.proxy import BINARY, ROOT, eventually
from support.units import UNITS, install, main_process, run, shown, systemctl

SERVICE = "weir.service"
OWN = ("weir.service", "weir.socket", "weir-addons.socket")


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """Two versions of the package."""
    Path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)  # one that keeps packages from starting their services
    folder = tmp_path_factory.mktemp("packages")
    command = [ROOT / "scripts/package", "--binaries", BINARY.parent, "--version", "0.1.0~test1", "--level", "1", folder]
    first = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert "libssl3" in run("dpkg-deb", "-f", first, "Depends")
    # The second is the first under another version: that is quicker.
    run("dpkg-deb", "-R", first, folder / "tree")
    control = folder / "tree/DEBIAN/control"
    control.write_text(control.read_text().replace("~test1", "~test2"))
    run("dpkg-deb", "-Znone", "-b", folder / "tree", folder / "second.deb")
    return [first, folder / "second.deb"]


def dpkg(*words) -> str:
    return run("dpkg", *words, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})


def files() -> set[str]:
    """What is where packages put something, but for dpkg's own notes and the list of users."""
    found = set()
    for top in ("/etc", "/usr/bin", "/usr/lib/sysusers.d", "/usr/lib/tmpfiles.d", "/usr/libexec", "/usr/share/doc", "/usr/share/weir", "/usr/local/lib", "/usr/local/libexec", "/usr/local/share/weir", "/lib/systemd", "/var/lib", "/run"):
        for folder, names, plain in os.walk(top):
            if folder == "/run":
                names[:] = [name for name in names if name.startswith("weir")]
            if folder == "/var/lib":
                names[:] = [name for name in names if name not in ("dpkg", "systemd")]
            found |= {f"{folder}/{name}" for name in plain + names}
    ignored = {f"/etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow") for end in ("", "-")} | {"/etc/.pwd.lock"}
    return {path for path in found - ignored if "weir" in path or not path.startswith("/run")}


def version() -> str:
    return run("dpkg-query", "-W", "-f", "${Version}", "weir")


@pytest.mark.seconds(90)
def test_a_package_from_its_installation_to_its_end(packages, origin):
    before = files()
    server = origin()

    dpkg("-i", packages[0])
    assert version() == "0.1.0~test1"
    assert run("dpkg", "-V", "weir") in ("", "??5?????? c /etc/weir/config.yaml\n")
    assert [shown(unit, "ActiveState") for unit in OWN] == ["active"] * 3
    assert [shown(unit, "UnitFileState") for unit in OWN] == ["enabled"] * 3
    authority = Path("/etc/weir/weir-ca.pem").read_bytes()
    assert run("curl", "-sS", "-x", "http://127.0.0.1:8080", server.url()) == "ok"
    assert set(UNITS) <= {path.name for path in Path("/lib/systemd/system").iterdir()}

    # The administrator's doings outlive an upgrade.
    Path("/etc/weir/config.yaml").write_text("http2: false\n")
    systemctl("disable", "--now", "weir-addons.socket")
    main, restarts = main_process(SERVICE), shown(SERVICE, "NRestarts")
    loads = [Load(8080, server.url(), b"ok", reuses) for reuses in (True, False)]
    wanted = 20
    eventually(lambda: all(load.served >= wanted for load in loads), 10, "answers")
    dpkg("-i", packages[1])
    served = [load.served for load in loads]
    eventually(lambda: all(load.served >= count + wanted for load, count in zip(loads, served)), 10, "answers")
    for load in loads:
        load.stop()
    print("package upgrade:", "; ".join(f"{load.served} answers on {load.connections} connections, the longest wait {load.longest * 1000:.0f} ms" for load in loads))
    assert [load.failures for load in loads] == [[], []]
    assert version() == "0.1.0~test2"
    assert main_process(SERVICE) not in (0, main)
    assert (shown(SERVICE, "ActiveState"), shown(SERVICE, "NRestarts")) == ("active", restarts)
    assert os.stat(f"/proc/{main_process(SERVICE)}/exe").st_ino == os.stat("/usr/bin/weir").st_ino
    assert Path("/etc/weir/config.yaml").read_text() == "http2: false\n"
    assert Path("/etc/weir/weir-ca.pem").read_bytes() == authority
    assert (shown("weir-addons.socket", "ActiveState"), shown("weir-addons.socket", "UnitFileState")) == ("inactive", "disabled")

    dpkg("-r", "weir")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8080), 5)
    assert not [name for name in os.listdir("/proc") if name.isdigit() and os.path.exists(f"/proc/{name}/exe") and os.readlink(f"/proc/{name}/exe").startswith("/usr/bin/weir")]
    assert Path("/etc/weir/weir-ca.pem").read_bytes() == authority
    assert not Path("/usr/bin/weir").exists()

    dpkg("-P", "weir")
    assert files() - before == set()
    assert systemctl("list-units", "--all", "--no-legend", "weir*").strip() == ""
    assert systemctl("list-unit-files", "--no-legend", "weir*", status=None).strip() == ""


def test_what_the_installer_puts_on_a_machine_that_runs_it_takes_away(origin):
    before = files()
    assert "systemctl enable --now weir.socket" in install("--prefix", "/usr/local")
    systemctl("enable", "--now", *OWN)
    assert run("curl", "-sS", "-x", "http://127.0.0.1:8080", origin().url()) == "ok"
    install("--prefix", "/usr/local", "--remove")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8080), 5)
    left = {path for path in files() - before if not path.startswith(("/etc/weir", "/var/lib/weir", "/run/weir"))}
    assert left == set()
    assert systemctl("list-unit-files", "--no-legend", "weir*", status=None).strip() == ""
