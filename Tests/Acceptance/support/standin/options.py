"""Options, commands, addons: what `load`, `ctx.options` and `ctx.master.commands` are made of."""

import collections.abc
import typing
from collections.abc import Sequence

from mitmproxy import addonmanager, command, command_lexer, exceptions, flow, hooks, http, optmanager, types
from mitmproxy.options import Options


def options():
    made = optmanager.OptManager()
    made.add_option("a", str, "d", "help a")
    made.add_option("b", bool, False, "help b")
    made.add_option("c", typing.Optional[int], None, "help c")
    made.add_option("d", Sequence[str], [], "help d")
    made.add_option("e", str, "x", "help\n    e", choices=["x", "y"])
    made.add_option("i", int, 5, "help i")
    made.add_option("o", typing.Optional[str], None, "help o")
    return made


def changed(*specs, **members):
    """The options after a change, what listeners heard, and what was raised."""
    made, heard = options(), []

    def hear(updated):
        heard.append(sorted(updated))

    def hear_two(_, updated):
        heard.append(("two", sorted(updated)))

    made.changed.connect(hear)
    made.subscribe(hear_two, ["a", "b"])
    try:
        if specs:
            made.set(*specs)
        else:
            made.update(**members)
        raised = None
    except Exception as error:
        raised = type(error).__name__
    return raised, heard, {name: getattr(made, name) for name in sorted(made.keys())}


def assigned(name, value):
    made = options()
    setattr(made, name, value)
    return getattr(made, name)


def refused():
    """A listener that refuses brings back what was."""
    made, heard = options(), []

    def refuse(updated):
        heard.append((sorted(updated), made.a))
        if made.a == "bad":
            raise exceptions.OptionsError("no")

    made.changed.connect(refuse)
    made.a = "good"
    try:
        made.a = "bad"
    except exceptions.OptionsError as error:
        heard.append(str(error))
    return made.a, heard


def deferred():
    made = options()
    made.set("new=5", "list=a", defer=True)
    made.update_defer(other="x")
    made.add_option("new", int, 1, "h")
    made.add_option("other", str, "y", "h")
    made.add_option("list", Sequence[str], [], "h")
    made.process_deferred()
    return made.new, made.other, made.list, sorted(made.deferred)


class Addon:
    name = "first"

    def __init__(self):
        self.seen = []

    def load(self, loader):
        loader.add_option("number", int, 5, "A number.")
        loader.add_option(name="text", typespec=typing.Optional[str], default=None, help="A text.", choices=None)
        loader.add_command("first.added", lambda: "added")

    def configure(self, updated):
        self.seen.append(sorted(updated))

    def request(self, flow):
        self.seen.append(flow)

    @command.command("first.add")
    def add(self, a: int, b: str = "q", *c: str) -> str:
        """Adds.

        Or so."""
        return f"{a!r} {b!r} {c!r}"

    @command.command("first.flows")
    def flows(self, flows: Sequence[flow.Flow], one: flow.Flow) -> None:
        pass

    @command.command()
    def named_by_itself(self, path: types.Path) -> Sequence[str]:
        return [path]

    @command.command("first.kinds")
    def kinds(self, a: bool, b: bytes, c: types.CutSpec, d: Sequence[str], e: types.Marker) -> types.Data:
        return [[repr((a, b, list(c), list(d), e))]]

    @command.command("first.wrong")
    def wrong(self, a: str) -> int:
        return a

    @command.command("first.choose")
    @command.argument("which", type=types.Choice("first.choices"))
    def choose(self, which: str) -> str:
        return which

    @command.command("first.choices")
    def choices(self) -> Sequence[str]:
        return ["x", "y z"]

    @command.command("first.run")
    def run(self, cmd: types.Cmd, *args: types.CmdArgs) -> str:
        return f"{cmd} {args!r}"

    @command.command("first.http")
    def of_http(self, flow: flow.Flow) -> typing.Any:
        return None


del Addon.of_http


class Master:
    def __init__(self):
        self.options = options()
        self.commands = command.CommandManager(self)
        self.addons = addonmanager.AddonManager(self)


def master(*addons):
    made = Master()
    made.addons.add(*(addons or (Addon(),)))
    return made


def called(name, *arguments):
    return master().commands.call(name, *arguments)


def executed(line):
    return master().commands.execute(line)


def unusable(annotation):
    class Other:
        @command.command("other.x")
        def x(self, a): ...

    Other.x.__wrapped__.__annotations__["a"] = annotation
    return sorted(master(Other()).commands.commands)


def triggered():
    one, two = Addon(), Addon()
    two.name = "second"
    made = master(one)
    made.addons.add(two)
    made.options.number = 7
    made.options.update(a="x", b=True)
    made.addons.remove(one)
    made.options.a = "z"
    return one.seen[:2], two.seen[:1], made.options.number, "first" in made.addons, "second" in made.addons, len(made.addons), str(made.addons).count("Addon")


EXPRESSIONS = r"""
options().a, options().b, options().c, options().d, options().e, options().i, options().o
options().nope
assigned("a", "x"), assigned("b", True), assigned("c", 5), assigned("d", ["x"]), assigned("d", ("x",)), assigned("e", "q"), assigned("o", None)
assigned("a", 5)
assigned("b", "x")
assigned("b", 1)
assigned("c", "5")
assigned("d", "a")
assigned("d", [5])
assigned("i", None)
assigned("i", True)
assigned("nope", 5)
[changed(spec) for spec in ("a=x", "a=", "a", "b", "b=true", "b=false", "b=toggle", "b=nope", "c=5", "c=x", "c", "d=a", "d", "e=y", "e=q", "i=7", "i", "i=x", "o", "o=x", "o=", "nope=5", "nope", "a=b=c", "", "=")]
changed("a=1", "b"), changed("d=a", "d=b"), changed("d=a,b"), changed("a=1", "a=2"), changed("a=1", "nope")
changed(a="x", b=True), changed(a="x", b="nope"), changed(nope=1), changed(c=None)
refused(), deferred()
options().update_known(a="x", nope=1), sorted(options().keys()), sorted(name for name, _ in options().items())
options().default("a"), options().has_changed("a"), "a" in options(), "nope" in options()
options().has_changed("nope")
options().default("nope")
options().subscribe(lambda o, u: 0, ["nope"])
options().toggler("a")
options().setter("nope")
(lambda o: (o.toggler("b")(), o.b, o.setter("a")("x"), o.a, o.has_changed("a"), o.reset(), o.a, o.b))(options())
options() == options(), repr(options()), repr(optmanager.OptManager())
optmanager.dump_dicts(options(), ["b", "d", "e", "c"])
options().add_option("f", int, "x", "h")
(lambda o: (o.d.append("x"), o.d))(options())
(lambda o: (o.merge({"d": ["x"], "a": "q", "c": None}), o.d, o.a))(options())
options()._options["e"].help, options()._options["e"].choices
called("first.add", 1), called("first.add", "1", "x", "y"), called("first.added"), called("named.by.itself", "x"), called("first.choices"), called("first.wrong", "a")
called("first.add")
called("nope")
called("first.added", 5)
called("first.flows", 1)
called("first.flows", [], None)
[executed(line) for line in ("first.add 1", "first.add 1 x", "first.add 1 'x y' z w", 'first.add 1 "x y"', "first.add  1", "first.choose x", "first.run first.add 1 x", "first.choices", r'first.add 1 "\x41\n"', r"first.add 1 \x41", "first.add 1 ''", "first.add '1' a\"b\"", 'first.add 1 "unclosed', "first.add 1 a'b c'd")]
executed("first.add")
executed("first.add x")
executed("first.wrong a")
executed("first.choose z")
executed("first.run nope 1")
executed("nope")
executed("")
executed("first.kinds true ab\\x00 request.method,request.url a,b true"), executed("first.kinds false x a '' :bomb:")
executed("first.kinds maybe x a a :bomb:")
executed("first.kinds true x a a nope")
executed("first.flows x y")
executed("named.by.itself /tmp/x")
master().commands.call_strings("first.add", ["1", "x"]), sorted(master().commands.commands)
[(c.name, c.help, c.signature_help(), c.return_type is None) for name, c in sorted(master().commands.commands.items())]
[(p.name, str(p), p.kind.name) for p in master().commands.commands["first.add"].parameters]
unusable(dict)
unusable(float)
unusable(int), unusable(Sequence[str])
command.typename(str), command.typename(int), command.typename(bool), command.typename(bytes), command.typename(Sequence[str]), command.typename(flow.Flow), command.typename(Sequence[flow.Flow]), command.typename(types.Path), command.typename(types.Choice("x")), command.typename(types.Cmd), command.typename(types.CutSpec), command.typename(types.Data), command.typename(types.Marker)
command.typename(dict)
triggered()
master(Addon(), Addon())
master().addons.remove(Addon()), master().addons.get("first") is None, master().addons.get("nope")
master().addons.remove(object())
addonmanager.Loader(master()).add_option("a", str, "d", "help a")
[command_lexer.quote(text) for text in ("a", "a b", "", 'a"b', "a'b", "a'b\" c")]
[command_lexer.unquote(text) for text in ("a", '"a b"', "'a'", "''", '"', "a\"b\"", "'a\"")]
types.Path("a") == "a", types.Choice("x").options_command, issubclass(types.Cmd, str)
hooks.ConfigureHook({"a"}).args(), hooks.ConfigureHook.name, hooks.RunningHook().args(), hooks.DoneHook.name, hooks.UpdateHook([1]).args()
hooks.Hook()
exceptions.AddonHalt(), exceptions.AddonManagerError("x"), exceptions.FlowReadException("x")
sorted((name, str(option.typespec), option.default, option.choices) for name, option in Options().items())
Options(showhost=True).showhost, Options(mode=["dns"]).mode
Options(nope=True)
"""
