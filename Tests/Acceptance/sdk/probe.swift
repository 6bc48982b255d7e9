// The probe of support/sdk.py, in Swift.
import AddonKit
import Glibc
import Synchronization

final class Held: Sendable {
    private let waiting = Mutex<[(event: Event, goes: CheckedContinuation<Bool, Never>)]>([])
    let sleeping = Atomic(0)

    var count: Int { waiting.withLock { $0.count } + sleeping.load(ordering: .relaxed) }

    /// Whether the event was released; false if it was cancelled.
    func hold(_ event: Event) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { goes in waiting.withLock { $0.append((event, goes)) } }
        } onCancel: {
            let found = waiting.withLock { list in list.firstIndex { $0.event === event }.map { list.remove(at: $0) } }
            event.addon.log("warn", "cancelled \(path(event))")
            found?.goes.resume(returning: false)
        }
    }

    func release() -> Int {
        let all = waiting.withLock { list in
            defer { list = [] }
            return list
        }
        for one in all.reversed() { one.goes.resume(returning: true) }
        return all.count
    }

    func wait() async throws -> JSON {
        sleeping.add(1, ordering: .relaxed)
        defer { sleeping.subtract(1, ordering: .relaxed) }
        try await Task.sleep(for: .milliseconds(700))
        return said("in time")
    }
}

func said(_ text: String) -> JSON { .respond(200, content: Array(text.utf8)) }
func path(_ event: Event) -> String { event.flow["request", "path"].string ?? "" }

func adler(_ bytes: [UInt8]) -> UInt32 {
    var (low, high) = (UInt32(1), UInt32(0))
    for byte in bytes {
        low = (low + UInt32(byte)) % 65521
        high = (high + low) % 65521
    }
    return high << 16 | low
}

func upper(_ bytes: [UInt8]) -> [UInt8] { bytes.map { $0 >= 97 && $0 <= 122 ? $0 - 32 : $0 } }

func headers(_ event: Event) -> JSON {
    var list = event.flow["request", "headers"]
    list.addHeader("X-Seen", .string(list.header("x-one") ?? ""))
    list.addHeader("X-Count", "\(list.headers("X-MANY").count)")
    list.setHeader("X-SET", "new")
    list.setHeader("X-Fresh", "1")
    list.removeHeader("x-gone")
    return .patch("flow.request.headers", list)
}

func calls(_ event: Event) async throws -> JSON {
    let id = event.flow["id"]
    _ = try await event.addon.call("flow.comment", ["id": id, "comment": "from inside"])
    let state = try await event.addon.call("flow.get", ["id": id])
    do {
        _ = try await event.addon.call("flow.resume", ["id": id])
        return nil
    } catch let failure as CallFailure {
        return said("\(state["flow", "comment"].string ?? "") \(failure.kind) \(failure.code)")
    }
}

let held = Held()

func onRequest(_ event: Event) async throws -> JSON? {
    let path = path(event)
    switch path {
    case _ where path.hasPrefix("/hold"): return await held.hold(event) ? said("held \(path)") : nil
    case "/held": return said("\(held.count)")
    case "/release": return said("released \(held.release())")
    case "/wait": return try await held.wait()
    case "/fail": throw Failure("broken on purpose")
    case "/respond": return .respond(418, headers: [["X-Made", "yes"]], content: Array("teapot".utf8))
    case "/kill": return .kill
    case "/headers": return headers(event)
    case "/reverse":
        return .patch("flow.request.content", JSON(bytes: try await event.bytes(event.flow["request", "content"]).reversed()))
    case "/size":
        let bytes = try await event.bytes(event.flow["request", "content"])
        return said("\(bytes.count) \(adler(bytes))")
    case "/call": return try await calls(event)
    case "/whole":
        var flow = event.flow
        flow["metadata"] = ["n": 9_007_199_254_740_991, "f": 0.1, "deep": ["a": [1, nil, "\u{2028}\0"]]]
        flow["request", "headers"].addHeader("X-Whole", "1")
        return ["flow": flow]
    case "/settings":
        let (limit, words) = (event.addon.settings["probe_limit"], event.addon.settings["probe_words"].array ?? [])
        return said("\(limit) \(words.first?.string ?? "") \(words.count)")
    case "/count":
        event.addon.count("probe_seen", 2, labels: ["path": .string(path)])
        event.addon.log("warn", "said by the probe")
        return nil
    default: return nil
    }
}

func pass(_ kind: Substring, _ body: Body) async throws {
    do {
        var (size, isFirst) = (0, true)
        for try await piece in body {
            size += piece.count
            switch kind {
            case "tail": break
            case "double": try await body.write(piece.flatMap { [$0, $0] })
            case "early": return try await body.write(Array("enough".utf8))
            case "error":
                try await body.write(Array("some".utf8))
                throw Failure("no more")
            default:
                if kind == "detach", isFirst { body.detach() }
                try await body.write(upper(piece))
            }
            isFirst = false
        }
        if kind == "tail" { try await body.write(Array("\(size) octets".utf8)) }
        if body.isDetached { addon.log("warn", "detached") }
        if kind == "trailers" { body.trailers = [["x-came", .string(body.trailers.header("x-sum") ?? "")]] }
    } catch let over as StreamOver {
        addon.log("warn", "closed \(kind): \(over.why)")
        throw over
    }
}

func onPreview(_ event: Event) async throws -> JSON? {
    let content = event.flow["response", "content"]
    switch path(event) {
    case "/whole":
        var list = event.flow["response", "headers"]
        list.addHeader("x-metadata", .string(event.flow["metadata"].description))
        return .patch("flow.response.headers", list)
    case "/preview/whole" where content.has("preview"): return ["more": "whole"]
    case "/preview/stream": return ["more": "stream"]
    case "/preview/pass": return nil
    default:
        let bytes = try await event.bytes(content.has("preview") ? content["preview"] : content)
        return .patch("flow.response.content", JSON(bytes: Array("it is ".utf8) + bytes))
    }
}

func tell(_ text: String) { _ = "probe: \(text)\n".withCString { write(2, $0, strlen($0)) } }

let addon = Addon(name: "probe", version: "1")
addon.on("running") { _ in
    tell("running")
    return nil
}
addon.on("done") { _ in
    tell("done")
    return nil
}
addon.on("client_disconnected", ["observe": true]) { _ in
    tell("client_disconnected seen")
    return nil
}
addon.on("configure") { event in
    if let limit = event.params["options", "probe_limit"].int, limit > 10 { throw Failure("at most 10") }
    return nil
}
addon.on("request", ["content": "whole", "on_failure": "continue", "idempotent": true, "order": 1], onRequest)
addon.on("requestheaders", ["filter": "~u /late", "timeout_ms": 400]) { event in
    if path(event) == "/late/never" { return await held.hold(event) ? nil : nil }
    event.extend(4000)
    return try await held.wait()
}
let streamed: JSON = [
    "filter": "~u /stream/", "content": "stream", "decode": true, "fields": ["flow.request.path", "flow.response.content"],
    "timeout_ms": 3000,
]
addon.on("response", streamed) { event in
    path(event).hasSuffix("/replace") ? .patch("flow.response.content", "replaced") : nil
} body: { event, body in
    try await pass(path(event).split(separator: "/").last ?? "", body)
}
addon.on(
    "responseheaders", ["filter": "~u /preview | ~u /whole", "content": ["preview": 16]], onPreview,
    body: { _, body in try await pass("upper", body) })
addon.permit("flow.get", "flow.comment", "flow.resume", "metrics.add", "body.read")
addon.option("probe_limit", "int", ["default": 5, "help": "What is allowed."])
addon.option("probe_kind", "str", ["default": "one", "choices": ["one", "two"]])
addon.option("probe_words", "sequence of str", ["default": ["a", "b"]])
addon.command("probe.echo", ["help": "Answers what it was given.", "arguments": "any", "result": "any"]) { $0.params["args"] }
addon.command("probe.fail") { _ in throw Failure("no luck") }
addon.atEnd { _ in
    tell("cleaned up")
    return nil
}
await addon.run()
