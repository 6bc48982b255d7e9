"""What the proxy forbids others and itself: its memory, its files, its privileges, its secrets."""

import base64
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from support.origin import OK, answering

CLOSE_ON_EXEC = 0o2000000


def flags(pid: int) -> dict[int, tuple[str, int]]:
    """What each descriptor of the process is, and its flags."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}") as info:
                value = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}"), value
        except FileNotFoundError:
            pass  # Closed meanwhile.
    return found


def test_nothing_but_the_standard_streams_is_left_to_programs_that_it_starts(weir, origin, addon, tmp_path):
    server = origin(answering(OK))
    arguments = ("--set", "threads=2", "-w", str(tmp_path / "flows"), "--addon-socket", str(tmp_path / "attached"))
    proxy = weir(*arguments, addons=[addon(["request"])], modes=["regular", f"reverse:udp://{server.authority}@0"])
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wire.response()
        # The connections of the client, of the server and of the worker are open now.
        found = flags(proxy.process.pid)
        assert len(found) > 10
        assert {number: one for number, one in found.items() if number > 2 and not one[1] & CLOSE_ON_EXEC} == {}


def test_a_worker_has_its_sockets_and_nothing_else(weir, tmp_path):
    script = tmp_path / "bare.py"
    script.write_text("import os\nopened = os.listdir('/proc/self/fd')[:-1]\nprint('opened', sorted(map(int, opened)), os.environ['WEIR_ADDON_FDS'])\n")
    proxy = weir(addons=[f"exec:{sys.executable} -S {script}"], wait=False)
    proxy.wait_log(r"opened \[0, 1, 2, 3, 4\] 4")
    assert proxy.process.wait(10) == 1
    proxy.stopped = True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_others_of_the_same_user_cannot_look_into_it(weir, tmp_path):
    confdir = tmp_path / "confdir"
    confdir.mkdir()
    os.chown(confdir, 65534, 65534)
    for folder in [tmp_path, *tmp_path.parents][:4]:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    proxy = weir("--set", "user=nobody", confdir=confdir)
    code = f"import os; os.setgroups([]); os.setgid(65534); os.setuid(65534); open('/proc/{proxy.process.pid}/mem', 'rb')"
    look = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "PermissionError" in look.stderr
    limits = open(f"/proc/{proxy.process.pid}/limits").read()
    assert re.search(r"Max core file size +0 +0 ", limits), limits


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_root_becomes_another_user_once_its_sockets_are_open(weir, addon, origin, tmp_path):
    confdir = tmp_path / "confdir"
    proxy = weir(confdir=confdir)
    proxy.stop()
    os.chown(confdir, 65534, 65534)
    for folder in [tmp_path, *tmp_path.parents][:4]:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    seen = tmp_path / "seen"
    seen.touch()
    os.chown(seen, 65534, 65534)
    script = tmp_path / "who.py"
    script.write_text(f"import os\nopen({str(seen)!r}, 'w').write(repr((os.getresuid(), os.getgroups())))\n")
    # Below 1024, which only root may bind; the key is root's.
    proxy = weir("--set", "user=nobody", modes=["regular@127.0.0.1:899"], ports=[899], confdir=confdir)
    with open(f"/proc/{proxy.process.pid}/status") as status:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in status)
    assert lines["Uid"].split() == lines["Gid"].split() == ["65534"] * 4
    assert lines["Groups"].split() == ["65534"] and int(lines["CapEff"], 16) == 0
    for task in os.listdir(f"/proc/{proxy.process.pid}/task"):
        with open(f"/proc/{proxy.process.pid}/task/{task}/status") as status:
            assert "Uid:\t65534\t65534\t65534\t65534" in status.read()
    proxy.port = 899
    assert proxy.get(origin(answering(OK)).url()).body == b"ok"


@pytest.mark.parametrize(
    "user, reason",
    [("no-such-user", "user 'no-such-user': there is no such user"), ("nobody", "user 'nobody' may not write the folder")],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_user_that_it_cannot_be_is_refused(weir, tmp_path, user, reason):
    (tmp_path / "confdir").mkdir(mode=0o700)
    proxy = weir("--set", f"user={user}", confdir=tmp_path / "confdir", wait=False)
    assert proxy.process.wait(10) == 1
    proxy.stopped = True
    assert reason in proxy.log


def test_a_key_that_others_may_read_is_told_of(weir, own_authority, tmp_path):
    confdir = tmp_path / "shared"
    shutil.copytree(own_authority, confdir)
    (confdir / "weir-ca.pem").chmod(0o640)
    proxy = weir(confdir=confdir)
    proxy.wait_log(r"warn: \S+/weir-ca\.pem holds the authority's key and others may read it: chmod 600")
    assert "chmod 600" not in weir().log


def test_the_authority_may_be_a_credential(weir, own_authority, origin, tmp_path):
    credentials, confdir = tmp_path / "credentials", tmp_path / "empty"
    credentials.mkdir()
    shutil.copy(own_authority / "weir-ca.pem", credentials / "ca.pem")
    proxy = weir(confdir=confdir, env={"CREDENTIALS_DIRECTORY": str(credentials)})
    # Its certificate is there for clients, its key is not.
    assert proxy.ca.read_bytes() == (own_authority / "weir-ca-cert.pem").read_bytes()
    assert sorted(path.name for path in confdir.iterdir() if path.suffix in (".pem", ".p12")) == ["weir-ca-cert.p12", "weir-ca-cert.pem"]


def test_a_secret_may_stand_in_a_file(weir, origin, tmp_path):
    server = origin(answering(OK))
    secret = tmp_path / "secret"
    secret.write_text("user:pass:word\nanother line\n")
    proxy = weir("--set", f"upstream_auth=@{secret}", modes=[f"reverse:http://{server.authority}"])
    assert proxy.get(f"{proxy.url}/").body == b"ok"
    assert server.wait(1)[0].one("authorization") == b"Basic " + base64.b64encode(b"user:pass:word")
