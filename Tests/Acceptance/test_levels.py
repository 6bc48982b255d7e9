"""The levels of addons through the core: what a worker is given of the environment and the files, and what is said where a level cannot be had."""

import contextlib
import os
import shutil

import pytest

from support.proxy import BINARY, ROOT, run_to_end

PROBE = """
def tried(what):
    try:
        return what()
    except Exception as failure:
        return repr(failure)

@worker.on("request")
def probe(message):
    import socket
    found = {
        "environment": sorted(os.environ),
        "key": tried(lambda: open(KEY).read()[:11]),
        "beside": tried(lambda: open(BESIDE).read()),
        "extra": tried(lambda: open(EXTRA).read()),
        "written": tried(lambda: open(WRITTEN + "/file", "w").write("x")),
        "temporary": tried(lambda: open(os.environ["TMPDIR"] + "/file", "w").write("x")) if "TMPDIR" in os.environ else "none",
        "socket": tried(lambda: socket.socket() and "made"),
        "home": os.environ.get("HOME"),
        "policy": os.sched_getscheduler(0),
    }
    return {"flow": {"response": {"status_code": 200, "reason": "OK", "http_version": "HTTP/1.1", "timestamp_start": time.time(), "headers": [], "trailers": None, "content": json.dumps(found)}}}
"""


@pytest.fixture
def probing(weir, tmp_path, origin):
    """`probing(level, *arguments)`: what a worker finds that was started at that level."""
    import json

    folder = tmp_path / "addons"
    folder.mkdir()
    for name in ("beside", "extra"):
        (tmp_path / name if name == "extra" else folder / name).write_text(name)
    (tmp_path / "written").mkdir()
    for name in ("worker.py",):
        shutil.copy(ROOT / "Tests/Acceptance/support" / name, folder / "support_worker.py")
    server = origin()

    def probe(level, *arguments):
        confdir = tmp_path / "state"
        names = {"KEY": confdir / "weir-ca.pem", "BESIDE": folder / "beside", "EXTRA": tmp_path / "extra", "WRITTEN": tmp_path / "written"}
        script = folder / "probe.py"
        head = f"import json, os, sys, time\nsys.path.insert(0, {str(folder)!r})\nfrom support_worker import Worker\nworker = Worker('/dev/null', ['request'])\n"
        script.write_text(head + "".join(f"{name} = {str(path)!r}\n" for name, path in names.items()) + PROBE + "\nworker.run()\n")
        os.chmod(script, 0o755)
        words = [word.format(tmp=tmp_path, folder=folder) for word in arguments]
        proxy = weir(*words, addons=[f"exec:python3 {script}"], confdir=confdir, env={"SECRET_OF_CORE": "1", "WANTED": "1"}, level=level)
        return json.loads(proxy.get(server.url()).body)

    return probe


def test_a_trusted_addon_has_the_users_rights(probing):
    found = probing("trusted")
    assert found["key"].startswith("-----BEGIN") and found["written"] == 1 and found["socket"] == "made"
    assert "SECRET_OF_CORE" in found["environment"]


def test_a_confined_addon_is_what_an_addon_is_by_default(probing):
    found = probing(None, "--set", "addon_environment=WANTED")
    assert found["beside"] == "beside" and found["temporary"] == 1
    for name in ("key", "extra", "written", "socket"):
        assert "Error" in found[name], (name, found[name])
    assert "SECRET_OF_CORE" not in found["environment"] and "WANTED" in found["environment"]
    assert found["home"] != os.environ["HOME"]


def test_a_confined_addon_is_given_what_its_options_say(probing):
    found = probing("confined", "--set", "addons.probe.read={tmp}/extra", "--set", "addons.probe.write={tmp}/written", "--set", "addons.probe.network=true")
    assert (found["extra"], found["written"], found["socket"]) == ("extra", 1, "made")
    assert "Error" in found["key"]


def test_an_untrusted_addon_has_its_own_file_and_no_socket(probing):
    found = probing("untrusted", "--set", "addon_read={folder}/support_worker.py")
    for name in ("key", "beside", "extra", "written", "socket"):
        assert "Error" in found[name], (name, found[name])


@pytest.mark.parametrize("level", ["trusted", "confined", "untrusted"])
def test_a_worker_that_is_woken_takes_the_processor_from_nobody(probing, level):
    assert probing(level, "--set", "addon_read={folder}/support_worker.py")["policy"] == os.SCHED_BATCH


def test_the_core_is_scheduled_as_it_was_started(weir, addon):
    proxy = weir(addons=[addon(["request"])])
    policies = set()
    for thread in os.listdir(f"/proc/{proxy.process.pid}/task"):
        with contextlib.suppress(ProcessLookupError):  # one that has ended meanwhile
            policies.add(os.sched_getscheduler(int(thread)))
    assert policies == {os.sched_getscheduler(0)}


def test_an_option_that_its_level_does_not_have_is_refused(tmp_path):
    script = tmp_path / "addon.py"
    script.write_text("")
    run = run_to_end("-s", str(script), "--set", "addon_level=nothing")
    assert run.returncode == 2
    assert "option addon_level: expected one of trusted, confined, untrusted, found 'nothing'" in run.stderr


def test_a_core_without_its_cage_refuses_and_says_where_it_looked(tmp_path):
    lone = tmp_path / "weir"
    shutil.copy(BINARY, lone)
    script = tmp_path / "addon.sh"
    script.write_text("exit 0\n")
    import subprocess

    run = subprocess.run([lone, "-p", "0", "--confdir", tmp_path / "conf", "-s", script], capture_output=True, text=True, timeout=20)
    if os.path.exists("/usr/libexec/weir/weir-cage"):
        pytest.skip("the package is installed here, whose cage is found")
    assert run.returncode == 1
    assert f"addon 'addon': level 'confined' needs weir-cage, expected at {lone.parent}/weir-cage or /usr/libexec/weir/weir-cage" in run.stderr


def test_options_of_an_addon_that_does_not_exist_are_refused(tmp_path):
    run = run_to_end("--confdir", str(tmp_path), "--set", "addons.ghost.level=untrusted")
    assert run.returncode == 1
    assert "addon 'ghost': it has options and is not started: give it addons.ghost.run, or name it with --addon" in run.stderr
    run = run_to_end("--confdir", str(tmp_path), "--set", "addons.ghost.levle=untrusted")
    assert run.returncode == 2 and "'addons.ghost.levle': expected one of " in run.stderr


def test_addons_of_the_configuration_file_have_their_own_options(weir, addon, origin, tmp_path):
    server = origin()
    worker = addon(["request"], "worker.on('request')(lambda message: time.sleep(1))")
    confdir = tmp_path / "state"
    confdir.mkdir()
    (confdir / "config.yaml").write_text(f"addons:\n  named:\n    run: {worker.spec}\n    level: trusted\n    timeout: 0.2\n    on_failure: kill\n")
    proxy = weir(confdir=confdir, level=None)
    wire = proxy.connect()
    wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
    assert wire.to_end() == b""
    proxy.wait_log(r"\[named\] 'request' failed, policy kill: .*\(timeout\)")
    wire.close()
