"""The systemd units as files: what systemd thinks of them, and what the installer makes of them. No systemd has to run for this."""

import shutil
import subprocess

import pytest
from support.units import FOLDER, UNITS, install, run

if not shutil.which("systemd-analyze"):
    pytest.skip("systemd-analyze is not installed: scripts/setup --tests", allow_module_level=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A tree with the files that are installed, and systemd's own units, which ours refer to."""
    root = tmp_path_factory.mktemp("root")
    install("--root", root, "--prefix", "/usr")
    shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True, ignore=shutil.ignore_patterns("weir*"), dirs_exist_ok=True)
    (root / "bin").mkdir()
    shutil.copy("/bin/kill", root / "bin/kill")
    return root


@pytest.mark.parametrize("unit, most", [("weir.service", 1.5), ("weir-addon@.service", 0.3)])
def test_the_exposure_stays_below_its_limit(unit, most):
    text = run("systemd-analyze", "security", "--offline=yes", f"--threshold={most * 10:.0f}", FOLDER / unit, status=None)
    level = float(text.split("Overall exposure level for")[1].split(":")[1].split()[0])
    assert level <= most, text


def verify(root, *units) -> str:
    # An unknown name is printed, and does not change the status.
    return run("systemd-analyze", "verify", f"--root={root}", *units, status=None)


def test_systemd_finds_no_fault_with_the_units(installed):
    names = [unit.replace("@", "@some") for unit in UNITS]
    assert len(names) >= 6
    assert verify(installed, *names) == ""


def test_such_a_fault_would_be_found(installed):
    (installed / "lib/systemd/system/broken.service").write_text("[Service]\nExecStart=/usr/bin/weir\nRestartSomehow=yes\n")
    assert "RestartSomehow" in verify(installed, "broken.service")


def test_users_and_folders_are_made_where_nothing_is_there(installed):
    run("systemd-sysusers", f"--root={installed}", "weir.conf")
    assert "weir:" in (installed / "etc/passwd").read_text()
    assert "weir-addons:" in (installed / "etc/group").read_text()
    run("systemd-tmpfiles", f"--root={installed}", "--create", "weir.conf", status=None)
    modes = {name: (installed / name).stat().st_mode & 0o777 for name in ("run/weir-addons", "run/weir-addon-root", "var/lib/weir", "var/lib/weir-addons")}
    assert modes == {"run/weir-addons": 0o750, "run/weir-addon-root": 0o755, "var/lib/weir": 0o700, "var/lib/weir-addons": 0o755}
    assert (installed / "run/weir-addon-root/lib").readlink().as_posix() == "usr/lib"


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local", "/opt/weir"])
def test_what_is_installed_is_removed_but_for_the_configuration(tmp_path, prefix):
    def files():
        return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()}

    install("--root", tmp_path, "--prefix", prefix)
    before = files()
    unit = next(tmp_path.rglob("weir.service")).read_text()
    assert f"ExecStart={prefix}/bin/weir " in unit
    assert f"{prefix.lstrip('/')}/bin/weir" in before
    install("--root", tmp_path, "--prefix", prefix)
    assert files() == before
    install("--root", tmp_path, "--prefix", prefix, "--remove")
    assert files() == {"etc/weir/config.yaml"}


def test_a_configuration_that_is_there_stays(tmp_path):
    (tmp_path / "etc/weir").mkdir(parents=True)
    (tmp_path / "etc/weir/config.yaml").write_text("http2: false\n")
    install("--root", tmp_path)
    assert (tmp_path / "etc/weir/config.yaml").read_text() == "http2: false\n"


@pytest.mark.parametrize("wrong", [["--root"], ["--colour", "red"]])
def test_the_installer_refuses_what_it_does_not_know(wrong):
    done = subprocess.run([FOLDER / "install", *wrong], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr
