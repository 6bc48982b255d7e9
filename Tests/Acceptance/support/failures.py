"""Workers that fail in the middle of a body as its path asks them to, and what each policy makes of that."""

POLICIES = ["continue", "kill", "retry"]
MOMENTS = ["before any output", "in the middle"]

# What the worker does. The first two end its process or its connection.
FAILURES = {
    "killed": "os.kill(os.getpid(), 9)",
    "garbage": "worker.send_line(b'this is no JSON')",
    "hung": "time.sleep(60)",
    "beyond credit": "stream.send(b'x' * 300_000)",
    "error": "stream.end(status='error', message='the disk is full')",
    "reset": "stream.reset('no idea')",
    "data of a wrong type": "stream.say('data', data=5)",
    "data without data": "stream.say('data')",
    "bad Base64": "stream.say('data', data={'b64': 'no!'})",
    "credit of a wrong type": "stream.say('credit', bytes='many')",
    "negative credit": "stream.say('credit', bytes=-1)",
    "unknown status": "stream.end(status='perhaps')",
    "trailers of a wrong type": "stream.end(trailers='x-sum: 1')",
    "trailers that end a line": "stream.end(trailers=[['x-sum', '1\\r\\nx-more: 2']])",
}
FATAL = ["killed", "garbage"]
DATA = ["beyond credit", "data of a wrong type", "data without data", "bad Base64"]
CODE = """
def fail(stream, how):
    {failures}

@streams.on("request", "response")
def body(stream, message):
    how, moment = path(message).split("/")[1:3]
    if how == "fine":
        for piece in stream:
            stream.write(piece.upper())
        return stream.end()
    piece = stream.read()
    if moment == "middle":
        stream.write(piece[:700].upper())
        stream.credit(len(piece))
    fail(stream, how)
    for piece in stream:
        stream.write(b"too late")
    stream.end()
""".format(failures="\n    ".join(f"if how == {name.replace(' ', '-')!r}:\n        {code}" for name, code in FAILURES.items()))


def passes(policy: str, how: str, moment: str) -> bool:
    """Whether the body goes on untouched."""
    return (policy, moment) == ("continue", MOMENTS[0]) and how not in DATA


def failing_worker(hook: str, policy: str, make):
    """A worker of the fixture `streaming`; a path is `/FAILURE/MOMENT/…`."""
    entry = {"name": hook, "content": "stream", "timeout_ms": 400, "on_failure": policy, "idempotent": True}
    return make([entry], CODE, f"worker-{policy}")
