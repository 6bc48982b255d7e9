"""`addon_trace` and `weir addon trace` record a session, and `weir addon replay` drives a worker from it without a proxy."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.origin import answering
from support.proxy import BINARY, eventually

COUNT = Path(__file__).parents[2] / "addon-examples/python/count/count.py"
SECRETS = ["session=eleventh-hour", "Bearer of-bad-news", "made-up-cookie", "hunter2"]
ANSWER = b"HTTP/1.1 200 OK\r\nSet-Cookie: made-up-cookie\r\nContent-Length: 2\r\n\r\nok"


def replay(*words, status=0):
    done = subprocess.run([BINARY, "addon", "replay", *map(str, words)], capture_output=True, text=True, timeout=30)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def steps(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def recorded(weir, origin, tmp_path):
    """A transcript of three flows through an addon, and its lines."""
    path = tmp_path / "transcript"
    server = origin(answering(ANSWER))
    proxy = weir("--addon", str(COUNT), "--set", f"addon_trace={path}", "--set", "addon_trace_hide=query:password")
    for number in range(3):
        proxy.get(server.url(f"/{number}?password=hunter2"), "Cookie: session=eleventh-hour", "Authorization: Bearer of-bad-news")
    eventually(lambda: path.read_text().count('"worker":{') >= 4, what="the third answer's line")
    proxy.stop()
    return path, steps(path)


def test_a_session_is_recorded_without_its_secrets(recorded):
    path, lines = recorded
    assert path.stat().st_mode & 0o777 == 0o600
    head, *rest = lines
    assert (head["weir"], head["addon"], head["run"][-1]) == ("transcript", "count", str(COUNT))
    methods = [line["core"]["method"] for line in rest if "method" in line.get("core", {})]
    assert methods[:2] == ["initialize", "initialized"] and methods.count("response") == 3 and methods[-1] == "shutdown"
    answers = [line["worker"]["id"] for line in rest if "worker" in line]
    assert len(answers) == len(set(answers)) == 5
    text = path.read_text()
    for secret in SECRETS:
        assert secret not in text
    event = next(line["core"] for line in rest if line.get("core", {}).get("method") == "response")
    answer = next(line["worker"] for line in rest if line.get("worker", {}).get("id") == event["id"])
    shown = dict(event["params"]["flow"]["response"]["headers"])["Set-Cookie"]
    assert shown.startswith("weir-hidden-")
    assert ["Set-Cookie", shown] in answer["result"]["flow"]["response"]["headers"], "one value has one placeholder"


def test_the_worker_that_was_recorded_answers_the_same_again(recorded, tmp_path):
    path, _ = recorded
    assert "5 answers compared, 0 differences" in replay(path)
    copy = tmp_path / "copy.py"
    copy.write_text(COUNT.read_text())
    assert "0 differences" in replay(path, copy)
    assert "0 differences" in replay("--loose", path, "python3", copy)


def test_one_that_has_changed_is_told_by_line_and_member(recorded, tmp_path):
    path, lines = recorded
    copy = tmp_path / "other.py"
    copy.write_text(COUNT.read_text().replace("x-addon-python", "x-addon-other"))
    out = replay(path, copy, status=1)
    second = [index for index, line in enumerate(lines, 1) if "worker" in line][1]
    assert f"{path}:{second}: response: result.flow.response.headers" in out
    assert '"x-addon-python"' in out and '"x-addon-other"' in out
    assert "5 answers compared, 3 differences" in out


def test_one_that_does_not_answer_is_told_too(recorded, tmp_path):
    path, lines = recorded
    silent = tmp_path / "silent.py"
    silent.write_text(
        "import os, socket\nlink = socket.socket(fileno=int(os.environ['WEIR_ADDON_FD'])).makefile('rwb')\n"
        'link.readline(); link.write(b\'{"id":1,"result":{"hooks":["response"]}}\\n\'); link.flush()\n'
        "for line in link: pass\n"
    )
    out = replay("--timeout", "0.5", path, silent, status=1)
    assert ": expected an answer to 'response' within 500 ms; found none" in out


def test_a_running_core_is_traced_until_it_is_enough(weir, origin, tmp_path):
    server = origin(answering(ANSWER))
    socket, path = tmp_path / "socket", tmp_path / "transcript"
    proxy = weir("--addon", str(COUNT), "--addon-socket", str(socket))
    proxy.get(server.url("/before"))
    tracing = subprocess.Popen(
        [BINARY, "addon", "trace", "--socket", socket, "count", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    eventually(path.exists, what="the file")
    assert path.stat().st_mode & 0o777 == 0o600
    proxy.get(server.url("/during"), "Cookie: session=eleventh-hour")
    eventually(lambda: '"worker":{' in path.read_text(), what="the answer")
    tracing.send_signal(signal.SIGINT)
    out, err = tracing.communicate(timeout=10)
    assert (tracing.returncode, out, err) == (0, "2 lines\n", "")
    text = path.read_text()
    assert "/during" in text and "/before" not in text and "eleventh-hour" not in text
    # Without its beginning the count is another.
    out = replay(path, status=1)
    assert '"2"' in out and '"1"' in out and "1 answers compared, 1 differences" in out


def test_a_recording_ends_by_itself_and_is_refused_for_what_is_not_there(weir, tmp_path):
    socket, path = tmp_path / "socket", tmp_path / "transcript"
    weir("--addon", str(COUNT), "--addon-socket", str(socket))

    def trace(*words):
        return subprocess.run([BINARY, "addon", "trace", "--socket", socket, *words], capture_output=True, text=True, timeout=20)

    assert (done := trace("count", path, "--seconds", "0.2")).returncode == 0, done.stderr
    assert "is there" in (done := trace("count", path)).stderr or "File exists" in done.stderr
    assert done.returncode == 1
    assert "no addon 'none'" in trace("none", tmp_path / "none").stderr and not (tmp_path / "none").exists()
    assert "addon_hide: expected" in trace("count", tmp_path / "none", "--hide", "json:").stderr


def test_a_file_has_a_size(weir, origin, tmp_path):
    server, path = origin(answering(ANSWER)), tmp_path / "transcript"
    proxy = weir("--addon", str(COUNT), "--set", f"addon_trace={path}", "--set", "addon_trace_limit=64k")
    for _ in range(40):
        proxy.get(server.url("/"))
    proxy.stop()
    assert 32 << 10 < path.stat().st_size <= 64 << 10
    assert all("core" in line or "worker" in line for line in steps(path)[1:]), "lines are whole"


@pytest.mark.parametrize("text, sentence", [("", "the first line is not a transcript's"), ('{"weir":"transcript","addon":"a"}\n3\n', "line 2: expected an object")])
def test_what_is_no_transcript_is_refused(tmp_path, text, sentence):
    path = tmp_path / "file"
    path.write_text(text)
    assert sentence in replay("--loose", path, COUNT, status=2)


def test_a_place_that_is_none_stops_the_start(tmp_path):
    done = subprocess.run(
        [BINARY, "-p", "0", "--addon", COUNT, "--set", "addon_trace=/dev/full", "--set", f"confdir={tmp_path}"],
        capture_output=True, text=True, timeout=20, env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == 1 and "addon 'count': addon_trace: '/dev/full': not a file" in done.stderr
