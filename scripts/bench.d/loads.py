"""Load of a bounded time by wrk, h2load or hey. A result is a dict: requests, seconds, bytes, p50_us, p99_us, errors.

An error is a socket's, a timeout's, or a status other than 2xx and 3xx.
"""
import json
import os
import re
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "wrk.lua"


def run(stage, seconds, is_direct=False, cell=None, pause_ms=0, timeout=5) -> dict:
    """`cell` in the place of the stage's, with its TLS. With a pause between a connection's requests it is less than all that goes. An answer that
    takes longer than `timeout` seconds is an error. Both are wrk's alone.
    """
    cell = cell or stage.cell
    scheme = "https" if cell.is_tls else "http"
    through = stage.origin if is_direct else stage.port
    url, environment = f"{scheme}://127.0.0.1:{through}{cell.path}", dict(os.environ)
    if cell.load == "h2load":
        log = stage.directory / "h2load.log"
        log.unlink(missing_ok=True)
        return of_h2load(output(["h2load", "-t1", "-c8", "-m4", f"-D{seconds}", f"--log-file={log}", url]), log)
    if cell.load == "hey":
        way = [] if is_direct else ["-x", f"http://127.0.0.1:{through}"]
        return of_hey(output(["hey", "-c", cell.connections, "-z", f"{seconds}s", "-cpus", "1", *way, f"https://127.0.0.1:{stage.origin}{cell.path}"]))
    if cell.is_forward and not is_direct:
        environment["FORWARD"] = f"127.0.0.1:{stage.origin}"
    if pause_ms:
        environment["PAUSE_MS"] = str(pause_ms)
    fields = ["Connection: close"] if cell.closes else []
    fields += [f"x-field-{number}: a value of thirty-two characters" for number in range(cell.more_fields)]
    heads = [word for field in fields for word in ("-H", field)]
    return of_wrk(output(["wrk", "-t1", f"-c{cell.connections}", f"-d{seconds}s", "--timeout", f"{timeout}s", *heads, "-s", SCRIPT, url], environment))


def output(command, environment=None) -> str:
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with status {done.returncode}: {done.stdout[-500:]}")
    return done.stdout


def needed(found, text):
    if not found:
        raise RuntimeError(f"the load's report is not understood: {text[-500:]}")
    return found


def of_wrk(text):
    return json.loads(needed(re.search(r"^RESULT (.*)$", text, re.M), text)[1])


def of_h2load(text, log):
    seconds = needed(re.search(r"finished in ([\d.]+)(m?s)", text), text)
    counts = needed(re.search(r"(\d+) done, \d+ succeeded, (\d+) failed, \d+ errored, \d+ timeout", text), text)
    size = needed(re.search(r"traffic: .*?\((\d+)\) total", text), text)
    lines = [line.split("\t") for line in log.read_text().splitlines()]  # start, status, microseconds
    times = sorted(int(line[2]) for line in lines) or [0]
    refused = sum(not 200 <= int(line[1]) < 400 for line in lines)
    return {"requests": int(counts[1]), "seconds": float(seconds[1]) / (1000 if seconds[2] == "ms" else 1), "bytes": int(size[1]),
            "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100], "errors": max(int(counts[2]), refused)}


def of_hey(text):
    seconds = needed(re.search(r"Total:\s+([\d.]+) secs", text), text)
    statuses = {int(code): int(count) for code, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", text)}
    good = sum(count for code, count in statuses.items() if 200 <= code < 400)
    broken = sum(int(count) for count in re.findall(r"^\s+\[(\d+)\]\s+(?!\d+ responses)\S", text, re.M))

    def quantile(percent):  # left out where there were few requests
        found = re.search(rf"{percent}%+ in ([\d.]+) secs", text)
        return int(float(found[1]) * 1e6) if found else 0

    return {"requests": good, "seconds": float(seconds[1]), "bytes": 0, "p50_us": quantile(50), "p99_us": quantile(99),
            "errors": broken + sum(statuses.values()) - good}
