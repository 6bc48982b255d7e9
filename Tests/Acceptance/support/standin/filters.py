"""The filter language: every operator and every combination of them on every kind of flow."""

import random

from flows import dns_flow, each, http_flow, request, response, tcp_flow, websocket_messages

from mitmproxy import flowfilter


def matches(text):
    """For which flows it holds; an error is the same for all."""
    parsed = flowfilter.parse(text)
    return parsed.pattern, [name for name, made in more().items() if flowfilter.match(parsed, made)]


def more():
    post = request(method=b"post", headers=((b"Host", b"Other.org:8080"), (b"Content-Type", b"text/xml")), content=b"a\nb foo", path=b"/get(A|B)")
    image = response(headers=((b"content-type", b"image/png"), (b"X-A", b"foo bar")), content=b"\x89PNG\r\n")
    zipped = response(headers=((b"content-encoding", b"gzip"), (b"content-type", b"application/javascript")), content=b"")
    zipped.content = b"hidden foo"
    return {
        **each(),
        "post": http_flow(post, image, metadata={"foo": "bar", "x": 1}),
        "zipped": http_flow(made_response=zipped, comment="multi\nline foo"),
        "no body": http_flow(request(content=None), response(content=None, status=500)),
        "frames": http_flow(messages=websocket_messages()),
        "silent": tcp_flow(messages=[], error=None),
        "no question": no_question(),
        "broken body": http_flow(made_response=response(headers=((b"content-encoding", b"gzip"),), content=b"foo")),
    }


def no_question():
    made = dns_flow(answered=False)
    made.request.questions = []
    made.server_conn.address = None
    return made


OPERATORS = """~a ~all ~e ~http ~tcp ~udp ~dns ~websocket ~marked ~q ~s ~replay ~replayq ~replays"""
REGEXES = "~b ~bq ~bs ~comment ~d ~dst ~h ~hq ~hs ~m ~marker ~meta ~src ~t ~tq ~ts ~u".split()
PATTERNS = ["foo", "^a", "hello", "example", "EXAMPLE", ".", "x$", "html", "text", "GET", "127", ":22", "443", "key: v", "bomb", "^host: o", "☃", '"foo bar"', "'a.b'", r'"a\nb"', r"\x00", "8.8.8", "[", "(", '"', "''", "~q", "foo)"]

SYNTAX = r"""
a
a b
a & b
a | b
! a
!a
~q & ~s
~q | ~s
~q ~s | ~e
~s ~q | ~e
~q|~s
~s|~q
~q~s
~all&~q
(~q | ~s )
(~q | ~s)
(~m get)
(~m get )
((~m get) | ~e )
(~m get ~s )
~m GET&~s
~q & & ~s
~u get(A|B)
~u "get\\(A"
~u "get(A"
~c 200
~c 404
~c 2
~c abc
~c 200x
~c200
~u
~foo
()
(
)
& ~q
~q &
~q & !
! ! ~q
!!~q
!(~q )
! ~q & ~s
!~q | ~s
~q & ~s | ~e
~e | ~s & ~q
~b "foo" ~s
~b"foo"
~b(foo)
~c"200"
~c (200)
~b	foo
~c	200 ~s
(~c 200)
(~c 200 & ~s )
!~c 200
~c 200~s
~c 200&~s
~c 200|~s
~c 00200
~c -5
~c 200.5
~b 'foo'~s
"example"
'example'
"exa
"a\"b"
~~q
~
~ q
~q !
~http & !~websocket
  ~q
~q  
~hq "host: example"
~hq 'host.*example' & ~s
~meta "key: value"
example.com ~s
example.com & ~s
~all | ~nope
~Q
~u a&b
a!b
a|b
a & (b | c)
(a b)
a&b
~d a b c
~t "text/html" | ~tq xml
~bs "\x89PNG"
~bs "\\x89PNG"
~comment line$
~comment ^line
~marker :bomb:
"" ~q
~u ""
~u ''
~c 200 & ~c 200
é
~u é
~u é|ü
"""


def random_expression(pick, depth=3):
    kind = pick.randrange(6 if depth else 2)
    if kind == 0:
        return pick.choice(OPERATORS.split()) + " "
    if kind == 1:
        return f"{pick.choice(REGEXES)} {pick.choice(PATTERNS[:18])}"
    left, right = random_expression(pick, depth - 1), random_expression(pick, depth - 1)
    return [f"!{left}", f"({left})", f"{left} & {right}", f"{left} | {right}", f"{left} {right}", f"{left}&{right}"][pick.randrange(6)]


EXPRESSIONS = r"""
flowfilter.parse("")
flowfilter.match("", http_flow())
flowfilter.match(None, http_flow())
flowfilter.match("~nope", http_flow())
flowfilter.match_all(http_flow())
flowfilter.help
sorted(kind.__name__ for kind in flowfilter.filter_unary), sorted(kind.__name__ for kind in flowfilter.filter_rex), [kind.__name__ for kind in flowfilter.filter_int]
[type(flowfilter.parse(text)).__name__ for text in ("a", "~q", "~q & ~s", "~q | ~s", "!~q", "~c 5", "~b x")]
flowfilter.parse("~c 200").num, flowfilter.parse("~b x").expr, flowfilter.parse("~b x").re.pattern, flowfilter.parse("~u x").re.flags
"""


def cases():
    for text in SYNTAX.splitlines() + OPERATORS.split():
        yield f"filter {text!r}", lambda text=text: matches(text)
    for operator in REGEXES:
        for pattern in PATTERNS:
            yield f"filter {operator} {pattern}", lambda operator=operator, pattern=pattern: matches(f"{operator} {pattern}")
    for seed in range(120):
        yield f"random filter {seed}", lambda seed=seed: matches(random_expression(random.Random(seed)))
