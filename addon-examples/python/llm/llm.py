#!/usr/bin/env python3
"""Logs the traffic of large language models while it streams: model, tokens, time to the first token.

It knows the answers of OpenAI's and Anthropic's interfaces, and of what imitates them, as server-sent events or in one piece. Nothing is held or changed.
Run: weir --addon addon-examples/python/llm/llm.py    Counters for metrics_listen: addon_llm_requests_total, addon_llm_tokens_total
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import weir

PATHS = "~u /(chat/completions|completions|responses|messages)(\\?|$) & ~m POST"
LONGEST = 1 << 20  # Octets of an event, or of a body in one piece, that are looked at.

addon = weir.Addon("llm", "1.0", permissions=["metrics.add"])


class Answer:
    """What is known of one answer so far."""

    def __init__(self):
        self.model, self.first, self.tokens, self.buffer = "unknown", None, {}, b""

    def take(self, piece):
        """A piece of an event stream. Events end with an empty line; of their fields only `data` matters."""
        *events, self.buffer = (self.buffer + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for event in events:
            data = b"\n".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
            if data and data != b"[DONE]":
                self.see(data)
        self.buffer = self.buffer[:LONGEST]

    def see(self, data):
        try:
            message = json.loads(data)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        if self.first is None and is_token(message):
            self.first = time.time()
        for part in (message, message.get("message"), message.get("response")):
            if isinstance(part, dict):
                self.model = part.get("model") or self.model
                for name, count in (part.get("usage") or {}).items():
                    if isinstance(count, int):
                        # prompt_ and completion_tokens are OpenAI's older names.
                        self.tokens[name.replace("prompt", "input").replace("completion", "output")] = count


def is_token(message):
    """Whether this part of a stream brings some of the answer's text."""
    choices = message.get("choices") or [{}]
    delta = choices[0].get("delta") or {} if isinstance(choices[0], dict) else {}
    kind = str(message.get("type", ""))
    return bool(delta.get("content") or delta.get("tool_calls") or choices[0].get("text")) or kind == "content_block_delta" or kind.endswith(".delta")


@addon.on("response", filter=PATHS, content="stream", decode=True, timeout_ms=60000)
async def response(event):
    request, head, answer = event.flow["request"], event.flow["response"], Answer()
    streams = str(weir.headers.get(head["headers"], "content-type", "")).startswith("text/event-stream")

    async def follow(body):
        whole = b""
        try:
            async for piece in body:
                yield piece
                if streams:
                    answer.take(piece)
                else:
                    whole = (whole + piece)[:LONGEST]
        finally:
            if not streams:
                answer.see(whole)
            report(request, head["status_code"], answer)

    event.stream(follow)


def report(request, status, answer):
    begun = request["timestamp_start"]
    used = {name: count for name, count in answer.tokens.items() if name in ("input_tokens", "output_tokens")}
    first = f"{answer.first - begun:.3f} s" if answer.first else "unknown"
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(used.items())) or "tokens unknown"
    addon.log("info", f"{request['host']} {answer.model}: status {status}, {counts}, first token after {first}, {time.time() - begun:.3f} s in all")
    addon.metrics("llm_requests", 1, {"model": answer.model, "status": str(status)})
    for name, count in used.items():
        addon.metrics("llm_tokens", count, {"model": answer.model, "kind": name.removesuffix("_tokens")})


addon.run()
