"""The program `evil` within an untrusted addon of a real core: every attack is denied, and flows that the addon has no part in go on as before."""

import concurrent.futures
import os
import shutil

import pytest

from support.cage import Field, build_evil
from support.hostile import quantiles, times
from support.nginx import Nginx
from support.proxy import ROOT

# What is measured is what the machine leaves to a core that is attacked.
pytestmark = pytest.mark.alone

# As in test_evil_protocol.py: what two proxies that nobody attacks differ by.
FLOOR = (0.15e-3, 2.5e-3)

ADDON = """
import json, os, subprocess, sys, threading
sys.path.insert(0, {folder!r})
from worker import Worker

worker = Worker("/dev/null", [{{"name": "request", "filter": "~u /attack", "timeout_ms": 60000}}], threads=True)

def spin():
    # As many processes as it may have, none of which ever waits.
    for _ in range(100):
        try:
            if os.fork() == 0:
                while True: pass
        except OSError:
            break
    while True: pass

@worker.on("request")
def attack(message):
    if message["params"]["flow"]["request"]["path"] == "/attack/spin":
        threading.Thread(target=spin, daemon=True).start()
        return {{}}
    done = subprocess.run([{program!r}, {targets!r}], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return {{"flow": {{"response": {{"status_code": 200, "reason": "OK", "http_version": "HTTP/1.1", "timestamp_start": 1.0,
        "headers": [], "trailers": None, "content": done.stdout}}}}}}

worker.run()
"""


@pytest.fixture
def stand(weir, tmp_path):
    field = Field(build_evil(tmp_path), 0 if os.geteuid() == 0 else os.geteuid())
    script = field.addon / "evil.py"
    shutil.copy(ROOT / "Tests/Acceptance/support/worker.py", field.addon)
    script.write_text(ADDON.format(folder=str(field.addon), program=str(field.program), targets=str(field.targets)))
    server = Nginx(tmp_path / "nginx")
    mode = [f"reverse:http://{server.authority}"]
    calm = weir("--set", "flow_detail=0", modes=mode)
    readable = [word for name in ("worker.py", "evil", "targets") for word in ("--set", f"addon_read={field.addon / name}")]
    run = weir("--set", "flow_detail=0", *readable, addons=[f"exec:python3 {script}"], modes=mode, level="untrusted")
    yield field, calm, run
    server.stop()
    field.close()


# Attacks on the process that started it, which is the addon itself here.
ITS_OWN = {"parent-environment", "parent-signal"}


@pytest.mark.seconds(90)
def test_no_attack_of_an_untrusted_addon_succeeds_and_other_flows_go_on(stand):
    field, calm, run = stand
    # Harm lasts as long as the attack does, each time; what else this machine does, does not.
    for _ in range(3):
        usual, now, results = attacked(calm, run)
        assert len(results) > 100
        assert {name for name, result in results.items() if result != "denied"} <= ITS_OWN
        assert field.heard() == []
        if all(new <= 1.2 * old + floor for new, old, floor in zip(now, usual, FLOOR)):
            return
    raise AssertionError((usual, now))


def attacked(calm, run) -> tuple[tuple, tuple, dict[str, str]]:
    """All attacks, one after the other: the quantiles of both proxies' times meanwhile, and what became of each attack."""
    with run.connect(60) as wire, concurrent.futures.ThreadPoolExecutor(1) as pool:
        wire.send(b"GET /attack HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        report = pool.submit(lambda: wire.response("GET").body.decode())
        found = ([], [])
        while not report.done():
            for all_times, some in zip(found, times([calm, run], "/free", 20)):
                all_times += some
        results = dict(line.split() for line in report.result().splitlines())
    usual, now = map(quantiles, found)
    print(f"\n{len(found[0])} requests each: {usual[0] * 1e3:.2f} {now[0] * 1e3:.2f}, {usual[1] * 1e3:.2f} {now[1] * 1e3:.2f} ms")
    return usual, now, results


@pytest.mark.seconds(60)
def test_processes_that_never_wait_leave_the_core_its_share(stand):
    _, calm, run = stand
    before = quantiles(times([calm], "/free", 300)[0])
    assert run.get(f"{run.url}/attack/spin").status in (200, 404)
    # Harm lasts as long as the attack does; what else this machine does, does not.
    for _ in range(4):
        after = quantiles(times([run], "/free", 300)[0])
        print(f"\n{before[0] * 1e3:.2f} {after[0] * 1e3:.2f}, {before[1] * 1e3:.2f} {after[1] * 1e3:.2f} ms")
        if all(new <= 1.2 * old + floor for new, old, floor in zip(after, before, FLOOR)):
            return
    raise AssertionError((before, after))
