"""Weir in relation to its peers: what was committed, what has become of it, and what is aimed at."""
import json
from pathlib import Path

from tables import cost, rate, ratio

FILE = Path(__file__).resolve().parent / "ratios.json"
SLACK = 0.10
# cell, peer, what, at least. `rate`: requests/s, ours by theirs. `cost`: processor time of a request, theirs by ours.
GOALS = [(cell, peer, "rate", least)
         for cell in ("plain-1k-addon-headers", "tls-1k-addon-headers")
         for peer, least in (("haproxy", 1), ("envoy", 2.5), ("squid", 4), ("mitmproxy", 25))]
GOALS += [("plain-100k-addon-body", "envoy", "rate", 2)]
GOALS += [(cell, peer, "cost", least) for cell in ("plain-1k", "tls-1k") for peer, least in (("haproxy", 1 / 1.5), ("envoy", 1 / 0.6))]
GOALS += [("h2-1k", "envoy", "cost", 1), ("churn-tls", "haproxy", "rate", 0.8), ("plain-10m", "envoy", "cost", 1)]


def of_rounds(rounds) -> dict:
    """{peer: {"rate": …, "cost": …}}; more is better in both."""
    peers = {peer for each in rounds for peer in each if peer != "weir"}
    found = {}
    for peer in sorted(peers):
        values = {"rate": ratio(rounds, "weir", peer, rate), "cost": ratio(rounds, peer, "weir", cost)}
        found[peer] = {what: round(value, 3) for what, value in values.items() if value}
    return {peer: values for peer, values in found.items() if values}


def print_goals(measured):
    rows = [(*goal, measured[goal[0]][goal[1]][goal[2]]) for goal in GOALS if goal[2] in measured.get(goal[0], {}).get(goal[1], {})]
    if rows:
        print("### Goals\n\n| cell | ratio to | of | at least | is | |\n|---|---|---|---:|---:|---|")
    for cell, peer, what, least, value in rows:
        of = "requests/s" if what == "rate" else "processor time, theirs by ours"
        print(f"| {cell} | {peer} | {of} | {least:.2f} | {value:.2f} | {'yes' if value >= least else '**no**'} |")
    print(flush=True)


def fallen(measured) -> list[str]:
    """A sentence for each committed ratio that has fallen by more than a tenth."""
    if not FILE.exists():
        return [f"there is no {FILE.name} to compare with: --update writes it"]
    committed = json.loads(FILE.read_text())
    sentences, compared = [], 0
    for cell, peers in committed.items():
        for peer, values in peers.items():
            for what, old in values.items():
                new = measured.get(cell, {}).get(peer, {}).get(what)
                compared += new is not None
                if new is not None and new < old * (1 - SLACK):
                    sentences.append(f"{cell}: {what} to {peer} was {old}, is {new}: {1 - new / old:.0%} less")
    return sentences if compared else ["nothing that was measured has a committed ratio"]


def update(measured):
    """Keeps the ratios of what was not measured."""
    committed = json.loads(FILE.read_text()) if FILE.exists() else {}
    for cell, peers in measured.items():
        committed.setdefault(cell, {}).update(peers)
    FILE.write_text(json.dumps(committed, indent=1) + "\n")
