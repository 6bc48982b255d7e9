"""Headers and multidicts."""

import random

from mitmproxy.coretypes import multidict
from mitmproxy.http import Headers

EXPRESSIONS = r"""
Headers([("a", b"b")])
Headers([(b"a", "b")])
Headers({"a": "b"})
Headers([(b"a", b"b", b"c")])
Headers(b"ab")
Headers(a=5)
Headers().__setitem__("a", None)
Headers().__setitem__(5, "a")
Headers(a_b="x", c=b"y")
Headers([(b"Host", b"x")], host="y", content_type="text/html")
Headers([(b"a", b"b"), (b"A", b"c")]) == Headers([(b"a", b"b"), (b"A", b"c")])
Headers([(b"a", b"b")]) == Headers([(b"A", b"b")])
Headers([(b"a", b"b")]) == {"a": "b"}
Headers([(b"a", b"b")]) != Headers()
bytes(Headers([(b"a", b"b"), (b"c", b"d")]))
bytes(Headers())
bool(Headers()), bool(Headers(a="b"))
Headers(a="b")["A"], Headers(a="b")[b"A"]
Headers(a="b")["c"]
Headers(a="b").get("c"), Headers(a="b").get("A"), Headers(a="b").get("c", 5)
"A" in Headers(a="b"), b"a" in Headers(a="b"), "c" in Headers(a="b")
5 in Headers(a="b")
Headers([(b"a", b"\xff\xe2\x98\x83")])["a"]
Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")])["a"]
list(Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")]))
len(Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")]))
list(Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")]).items())
list(Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")]).items(multi=True))
list(Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")]).keys()), list(Headers([(b"a", b"b"), (b"A", b"d")]).keys(multi=True))
list(Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")]).values()), list(Headers([(b"a", b"b"), (b"A", b"d")]).values(multi=True))
dict(Headers([(b"a", b"b"), (b"B", b"c"), (b"A", b"d")]))
Headers([(b"a", b"b")]).copy() is Headers, Headers([(b"a", b"b")]).copy()
Headers([(b"a", b"b")]).get_state(), Headers.from_state(((b"a", b"b"),)), Headers.from_state([[b"a", b"b"]])
Headers.from_state((("a", "b"),))
Headers([(b"a", b"b")]).fields
Headers([[b"a", b"b"]]).fields
Headers(((b"a", b"b"),)).get_all("A"), Headers().get_all("x")
hash(Headers())
repr(Headers([(b"a", b"b"), (b"c", b"d")]))
multidict.MultiDict([("a", "b"), ("a", "c"), ("A", "d")])["a"]
multidict.MultiDict([["a", "b"]]).fields
multidict.MultiDict([("a", "b")]).get_state(), multidict.MultiDict.from_state([["a", "b"]])
multidict.MultiDict([("a", "b")]) == multidict.MultiDict([("a", "b")])
multidict.MultiDict([("a", "b"), ("c", "d")]).keys()  is None
list(multidict.MultiDict([("a", "b"), ("a", "d")]).items()), multidict.MultiDict([("a", "b"), ("a", "d")]).items(multi=True)
"""

NAMES = ["a", "A", "Set-Cookie", "set-cookie", "x-☃", b"b", b"B", "c"]
VALUES = ["1", "2", b"3", "☃", "", "x, y"]


def operate(kind, seed):
    """The results and the final fields of random operations."""
    pick = random.Random(seed)
    made = kind([(b"a", b"0"), (b"B", b"1"), (b"A", b"2")] if kind is Headers else [("a", "0"), ("b", "1"), ("a", "2")])
    results = []
    for _ in range(12):
        name, value = pick.choice(NAMES), pick.choice(VALUES)
        operation = pick.choice(["set", "delete", "add", "insert", "set_all", "get_all", "pop", "setdefault", "update", "popitem", "clear"])
        try:
            if operation == "set":
                made[name] = value
            elif operation == "delete":
                del made[name]
            elif operation == "insert":
                made.insert(pick.randrange(4), name, value)
            elif operation == "set_all":
                made.set_all(name, pick.choices(VALUES, k=pick.randrange(4)))
            elif operation == "update":
                made.update({name: value})
            elif operation in ("get_all", "pop"):
                results.append(getattr(made, operation)(name))
            elif operation in ("add", "setdefault"):
                results.append(getattr(made, operation)(name, value))
            else:
                results.append(getattr(made, operation)() if pick.random() < 0.2 else None)
        except Exception as error:
            results.append(type(error).__name__)
        results.append((operation, made.fields, len(made)))
    return results


def cases():
    for kind in (Headers, multidict.MultiDict):
        for seed in range(60):
            yield f"random operations {seed} on {kind.__name__}", lambda kind=kind, seed=seed: operate(kind, seed)
