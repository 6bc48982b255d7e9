"""A proxy under valgrind: the instructions and allocations of its own code for one request, by stage.

Instructions are the same on a busy machine. What a stage's own functions execute is the stage's; what the language's run time, the C library and
the network library execute for them is shared out to the stages that call it, by the instructions of each call, as gprof does.
"""
import re
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from loads import output
from stages import OTHER, stage_of

ALLOCATIONS = re.compile(r"^(malloc|calloc|realloc|posix_memalign|aligned_alloc|memalign)$")
WARM_UP = 200


@dataclass
class Profile:
    """Of one request."""

    instructions: dict[str, float]  # by stage
    allocations: dict[str, float]

    def __sub__(self, other):
        def less(mine, theirs):
            return {stage: mine.get(stage, 0) - theirs.get(stage, 0) for stage in {*mine, *theirs}}

        return Profile(less(self.instructions, other.instructions), less(self.allocations, other.allocations))


def profile(stage, start, requests, closes=False) -> Profile:
    """`start(stage)` starts the proxy of `stage.tools["weir"]`, by a name that valgrind runs; the counters begin behind a warm-up."""
    out = stage.directory / "callgrind"
    wrapper = stage.directory / "under-valgrind"
    # Debug information of Swift is more than this valgrind reads.
    subprocess.run(["strip", "-g", "-o", stage.directory / "stripped", stage.tools["weir"]], check=True)
    wrapper.write_text(f"#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file={out} {stage.directory}/stripped \"$@\"\n")
    wrapper.chmod(0o755)
    stage.tools = stage.tools | {"weir": wrapper}
    start(stage)
    pid = stage.programs["proxy"].pid
    ask(stage, WARM_UP, closes)
    control("--zero", pid)
    ask(stage, requests, closes)
    control("--dump", pid)
    return attributed(*read(out.with_name("callgrind.1")), requests)


def ask(stage, requests, closes):
    """HTTP/1.1 over 4 connections, or over one for each request."""
    scheme = "https" if stage.cell.is_tls else "http"
    count, fields = (min(requests, 100), ["-H", "connection: close"]) if closes else (4, [])
    text = output(["h2load", "--h1", "-t1", "-n", requests, "-c", count, *fields, f"{scheme}://127.0.0.1:{stage.port}/1k"])
    if f"{requests} succeeded" not in text:
        raise RuntimeError(f"not all of {requests} requests succeeded: {text[-400:]}")


def control(what, pid):
    output(["callgrind_control", what, pid])


def read(path: Path):
    """(instructions by function, instructions by call, number by call): a call is (caller, callee)."""
    names, own, spent, times = {}, Counter(), Counter(), Counter()
    caller = callee = count = None

    def name(text):
        number, _, rest = text.strip().partition(" ")
        if rest:
            names[number] = rest.split("'")[0]  # behind it is the depth of a recursion
        return names[number]

    for line in path.open(errors="replace"):
        if line[0] in "0123456789+-*":
            fields = line.split()
            cost = int(fields[1]) if len(fields) > 1 else 0
            if count is None:
                own[caller] += cost
            else:
                spent[caller, callee] += cost
                times[caller, callee] += count
                count = None
        elif line.startswith("fn="):
            caller = name(line[3:])
        elif line.startswith("cfn="):
            callee = name(line[4:])
        elif line.startswith("calls="):
            count = int(line[6:].split()[0])
    return own, spent, times


def attributed(own, spent, times, requests) -> Profile:
    functions = {function for call in spent for function in call} | set(own)
    stages = stage_of(functions)
    callers = defaultdict(list)
    for (caller, callee), cost in spent.items():
        if callee not in stages and caller != callee and cost:
            callers[callee].append((caller, cost))
    shares = {function: {stage: 1.0} for function, stage in stages.items()}
    shared = [function for function in functions if function not in stages]
    for _ in range(60):  # Functions that call each other settle quickly: each pass halves what is left to share out, and more.
        for function in shared:
            total = sum(cost for caller, cost in callers[function] if caller in shares)
            if not total:
                continue
            share = defaultdict(float)
            for caller, cost in callers[function]:
                for stage, part in shares.get(caller, {}).items():
                    share[stage] += part * cost / total
            shares[function] = share
    instructions, allocations = defaultdict(float), defaultdict(float)
    for function, cost in own.items():
        for stage, part in (shares.get(function) or {OTHER: 1.0}).items():
            instructions[stage] += cost * part / requests
    for (caller, callee), count in times.items():
        if ALLOCATIONS.match(callee):
            for stage, part in (shares.get(caller) or {OTHER: 1.0}).items():
                allocations[stage] += count * part / requests
    return Profile(instructions, allocations)
