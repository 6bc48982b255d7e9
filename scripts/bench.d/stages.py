"""Which stage of an exchange a function of ours works for, by its module and its name. The first row that matches holds.

What is in no row (the language's and the C library's functions, NIO's, the records of flows) works for whoever calls it.
"""
import re
import subprocess

OTHER = "rest"
STAGES = [
    ("accept", r"NIOPosix .*(ServerSocketChannel|AcceptHandler|accept)|weir .*Listener|ProxyKernel .*(Session\.(accept|init|begin|clientEnded)|ClientAdmission|OwnAddresses)"),
    ("detect", r"ProxyKernel .*(Sniffer|Detection|HelloRecord)|TLSEngine .*ClientHello"),
    ("TLS", r"TLSEngine "),
    ("connect to the server", r"NIOPosix .*(HappyEyeballs|ClientBootstrap)|ProxyKernel .*Session\.(dial|open|adopt|serverEnded)"),
    ("parse", r"HTTP1 .*(Parser|Authority|Framing\.contentLength)|FlowModel .*Headers\.(isValue|Line)"),
    ("encode", r"(Schema|FlowModel) .*(JSONWriter|writeMembers|\.write\()|AddonHost .*(EventLine|ContentView)|AddonWire .*LinkMessage"),
    ("decode", r"Schema .*(JSONScan|JSONReader|JSONObject|UTF8Check|of JSON|for JSON)|AddonWire .*(LineSplitter|Incoming|receivedLine)"),
    ("apply", r"Schema .*(changes\(|Change|Record|Field)|AddonHost .*(LoopPort\.read|StreamedBodies)|FlowModel .*(changes\(|Headers\.read)"),
    ("hooks", r"AddonHost .*(hasListeners|LoopPort\.(fire|outcome|ask|consult|offer|take))|HTTPExchange .*Exchange\.(fire|intercept)|ProxyKernel .*(HookPort|HookOutcome)"),
    ("link", r"AddonWire |AddonHost "),
    ("write", r"HTTP1 .*(MessageWriter|OutgoingFraming|sendHead|Stream\.(pump|send|end|finish))|ProxyKernel .*Peer\.(write|flush|whenSent)|HTTPExchange .*HopByHop"),
    ("exchange", r"(HTTPExchange|HTTP1|HTTP2|ProxyKernel|Observability|Rules|Control|weir) "),
    ("event loop, reading", r"NIOPosix .*(SelectableEventLoop|Selector|MultiThreadedEventLoopGroup)"),
]
NAMES = [name for name, _ in STAGES] + [OTHER]
RULES = [(name, re.compile(pattern)) for name, pattern in STAGES]
MODULE = re.compile(r"^\$s(\d+)(.*)")


def stage_of(functions) -> dict[str, str]:
    """By the functions' linker names; those without a stage are left out."""
    mangled = sorted(function for function in functions if MODULE.match(function))
    done = subprocess.run(["swift", "demangle", "--simplified", "--compact"], input="\n".join(mangled), check=True, capture_output=True, text=True)
    stages = {}
    for function, name in zip(mangled, done.stdout.splitlines(), strict=True):
        length, rest = MODULE.match(function).groups()
        module = rest[: int(length)]
        for stage, rule in RULES:
            if rule.match(f"{module} {name}"):
                stages[function] = stage
                break
    return stages
