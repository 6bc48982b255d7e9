"""The measurements as Markdown."""
import statistics

PARTS = ("proxy", "addon", "origin")


def middle(runs, key):
    """The median; None where no run has it."""
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


def cost(run) -> float:
    """Microseconds of processor time that a request takes in the proxy and its addon."""
    return run.get("proxy_us", 0.0) + run.get("addon_us", 0.0)


def ratio(rounds, of, to, value):
    """The median of the rounds' own ratios, so that a slow minute touches both; None where they were not measured together."""
    both = [(value(each[of]), value(each[to])) for each in rounds if of in each and to in each]
    ratios = [one / other for one, other in both if other]
    return statistics.median(ratios) if ratios else None


def rate(run):
    return run["rps"]


def joined(runs, key, form):
    """Proxy + addon + origin, as far as they are there."""
    values = [middle(runs, key.format(part)) for part in PARTS]
    return " + ".join("–" if value is None else format(value, form) for value in values)


def print_cell(name, peers, rounds, base="weir", is_by_base=False):
    """`rounds`: for each round the runs by peer. Ratios are those of `base` to each peer, or by that of each peer to `base`."""
    title = f"× {base}," if is_by_base else f"{base}'s"
    is_large = "10m" in name
    print(f"\n### {name}\n\n| peer | {'MB/s' if is_large else 'requests/s'} (min–max) | of direct | {title} rate | {title} µs | p50 ms | p99 ms | "
          "µs/request: proxy + addon + origin | CPU s | peak MB | errors | others' CPU s |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for peer in peers:
        runs = [each[peer] for each in rounds if peer in each]
        if not runs:
            continue
        rates = [run["mb_s" if is_large else "rps"] for run in runs]
        of_direct = ratio(rounds, peer, "direct", rate) if peer != "direct" else None
        pair = (peer, base) if is_by_base else (base, peer)
        times, costs = (ratio(rounds, *pair, value) if peer != base else None for value in (rate, cost))
        cells = [peer, f"{statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"]
        cells += [shown(of_direct, ".3f"), shown(times, ".2f", "× "), shown(costs, ".2f", "× ")]
        cells += [f"{middle(runs, key) / 1000:.2f}" for key in ("p50_us", "p99_us")]
        cells += [joined(runs, "{}_us", ".1f"), joined(runs, "{}_cpu_s", ".2f"), joined(runs, "{}_peak_mb", ".0f")]
        cells += [sum(run["errors"] for run in runs), f"{max(run['other_cpu_s'] + run['stolen_s'] for run in runs):.1f}"]
        print("| " + " | ".join(map(str, cells)) + " |")
    print(flush=True)


def shown(value, form, before=""):
    return "" if value is None else before + format(value, form)
