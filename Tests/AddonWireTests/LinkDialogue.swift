import Schema

@testable import AddonWire

/// A link, after its handshake if nothing else is said, with what it wants to send and to have done as text.
struct LinkDialogue {
    var core: LinkCore
    var now: Int64 = 0

    init(_ change: (inout LinkLimits) -> Void = { _ in }, workerLine: Int? = nil, maximumInFlight: Int? = nil) {
        var limits = LinkLimits()
        change(&limits)
        core = LinkCore(limits: limits)
        core.start(LinkMessage("initialize"), now: now)
        _ = flush()
        _ = hear(#"{"jsonrpc":"2.0","id":1,"result":{"hooks":[]}}"#)
        core.accept(LinkMessage("initialized"), workerLine: workerLine, maximumInFlight: maximumInFlight, now: now)
        _ = flush()
    }

    /// A link that has not begun its handshake.
    init(silent core: LinkCore) { self.core = core }

    /// What is written now, a line each; the socket takes it at once.
    mutating func flush() -> [String] {
        let bytes = core.takeOutput()
        let actions = core.wrote(bytes.count, now: now)
        precondition(actions.isEmpty)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    mutating func hear(_ lines: String...) -> [LinkCore.Action] {
        hear(raw: lines.map { $0 + "\n" }.joined())
    }

    mutating func hear(raw: String) -> [LinkCore.Action] {
        Array(raw.utf8).withUnsafeBytes { core.received($0, now: now) }
    }

    mutating func event(_ name: String = "request", timeout: Int64 = 5000) -> LinkCore.OnEvent {
        core.event(LinkMessage(name), timeout: timeout, now: now)
    }

    /// Lets time pass until nothing more is due at `time`.
    mutating func pass(to time: Int64) -> [LinkCore.Action] {
        var actions: [LinkCore.Action] = []
        while let wake = core.wake, wake <= time {
            now = max(now, wake)
            actions += core.tick(now: now)
        }
        now = time
        return actions
    }
}

func answer(_ id: Int) -> String { #"{"jsonrpc":"2.0","id":\#(id),"result":{}}"# }
