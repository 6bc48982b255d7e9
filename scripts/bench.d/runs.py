"""One run of one peer in one cell: a fresh origin, a fresh proxy, one request that is looked at, a warm-up, and the load."""
import resource

import loads
from cells import SIZES
from peers import Peer
from programs import machine, wait_for_quiet
from stage import Stage


def measure(peer: Peer, cell, tools, seconds, warm_up=2, patience=0) -> dict:
    """What `loads.run` says; `rps`, `mb_s`; of each of proxy, addon and origin `…_cpu_s`, `…_us` (processor time a request), `…_kernel_us` of it and
    `…_peak_mb`; `other_cpu_s`, which nothing of ours used, and `stolen_s`, which the machine's host took. What keeps it from being measured is a RuntimeError.
    """
    is_direct = peer.start is None
    with Stage(cell, tools) as stage:
        try:
            if peer.start:
                peer.start(stage)
            check(peer, stage)
            wait_for_quiet(patience)
            if warm_up:
                loads.run(stage, warm_up, is_direct)
            before, all_before, load_before = stage.processor_seconds(), machine(), of_children()
            run = loads.run(stage, seconds, is_direct)
            after, all_after, load_after = stage.processor_seconds(), machine(), of_children()
            peaks = stage.peaks()
            if not run["requests"]:
                raise RuntimeError(f"no request was answered, {run['errors']} failed")
            used = {part: sum(after[part]) - sum(before.get(part, (0, 0))) for part in after}
            if cell.addon and not peer.leaves_trace and used.get("addon") == 0:
                raise RuntimeError("the addon had nothing to do")
        except RuntimeError as problem:
            raise RuntimeError(f"{problem} [{stage.logs()}]") from problem
    run |= {"rps": run["requests"] / run["seconds"], "mb_s": run["bytes"] / run["seconds"] / 1e6}
    for part, spent in used.items():
        in_kernel = after[part][1] - before.get(part, (0, 0))[1]
        run |= {f"{part}_cpu_s": spent, f"{part}_us": spent / run["requests"] * 1e6, f"{part}_kernel_us": in_kernel / run["requests"] * 1e6,
                f"{part}_peak_mb": peaks[part] / 1e6}
    others = all_after[0] - all_before[0] - sum(used.values()) - (load_after - load_before)
    return run | {"load_cpu_s": load_after - load_before, "other_cpu_s": max(0.0, others), "stolen_s": all_after[1] - all_before[1]}


def check(peer, stage):
    """One request: a measurement of wrong answers is worth nothing."""
    cell, is_direct = stage.cell, peer.start is None
    scheme, to = "https" if cell.is_tls else "http", stage.origin if is_direct or cell.is_forward else stage.port
    body = stage.directory / "checked"
    way = ["-x", f"http://127.0.0.1:{stage.port}"] if cell.is_forward and not is_direct else []
    way += ["--http2"] if cell.load == "h2load" else ["--http1.1"]
    way += ["--noproxy", "", "-m", "10", "-o", body, "-D", "-", "-w", "\n%{http_version} %{http_code}"]
    head = loads.output(["curl", "-sSk", *way, f"{scheme}://127.0.0.1:{to}{cell.path}"])
    version, status = head.splitlines()[-1].split()
    content = body.read_bytes()
    if status != "200" or len(content) != SIZES[cell.path]:
        raise RuntimeError(f"status {status} and {len(content)} bytes where 200 and {SIZES[cell.path]} were expected: {content[:200]!r}")
    if cell.load == "h2load" and version != "2":
        raise RuntimeError(f"HTTP/{version} was spoken where 2 was expected")
    marked = cell.addon if peer.leaves_trace else ""
    is_there = "\nx-addon: 1" in head.lower()
    if marked != "body" and is_there != (marked == "headers"):  # with the body Envoy's addon changes the head, too
        raise RuntimeError(f"the addon's header is {'there without an addon' if is_there else 'missing'}")
    if content[:1] != (b"b" if marked == "body" else b"a"):
        raise RuntimeError(f"the body begins with {content[:1]!r}")


def of_children() -> float:
    """Processor seconds of children that have ended: of load generators."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
