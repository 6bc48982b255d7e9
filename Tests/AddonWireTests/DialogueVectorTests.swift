import Foundation
import Schema
import Testing

@testable import AddonWire

/// The dialogues of `Protocol/vectors`: every file there but the two lists.
struct DialogueVectorTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Protocol/vectors")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".json") && $0 != "lines.json" && $0 != "replies.json" }
            .map { String($0.dropLast(5)) }.sorted()
    }()

    @Test("the published dialogues are there")
    func dialoguesExist() { #expect(Self.names.count >= 10) }

    @Test("a dialogue goes as the published vector says", arguments: names)
    func dialogue(name: String) throws {
        // The reader takes one line, and a file has many: outside strings a line feed is a space.
        let text = try Data(contentsOf: Self.folder.appendingPathComponent("\(name).json")).map { $0 == 0x0A ? 0x20 : $0 }
        let vector = try JSONReader().read(text)
        #expect(vector["name"]?.string == name)
        let steps = try #require(vector["steps"]?.array)
        try #require(!steps.isEmpty)
        var play = DialoguePlay()
        for (index, step) in steps.enumerated() {
            try play.step(step, isCounted: index + 1 < steps.count && steps[index + 1]["counted"] != nil, "step \(index)")
        }
        #expect(!play.link.core.hasOutput)
    }
}

/// One dialogue between a core, which is made to say its steps, and a worker whose steps are read out to it.
struct DialoguePlay {
    private struct Hooks: HookTable {
        let response = Hook<Nothing>("response", "A response.")
        let configure = Hook<Nothing>("configure", "Options have values.")
        static let table = Hooks()
    }

    /// What the core waits for.
    private enum Asked { case handshake, ping, answer }

    var link = LinkDialogue(silent: LinkCore())
    /// The core's own ids by those of the file.
    private var ids: [Int: Int] = [:]
    /// By the ids of the file.
    private var asked: [Int: Asked] = [:]
    private var hooks: Set<String> = []
    private var before = LinkCounters()
    private var actions: [LinkCore.Action] = []
    private var isDrained = false
    private var isShutDown = false

    /// `isCounted` says that the step is to make the core drop an answer.
    mutating func step(_ step: JSON, isCounted: Bool, _ place: Comment) throws {
        let member = try #require(step.object?.members.first, place)
        switch (member.key, member.value.string) {
        case ("counted", let word?): return try counted(word, place)
        case ("core", _):
            before = link.core.counters
            try core(member.value, place)
        case ("worker", _):
            before = link.core.counters
            #expect(!link.core.hasOutput, place)
            try worker(member.value, place)
        case ("worker_line", let line?):
            before = link.core.counters
            #expect(!link.core.hasOutput, place)
            actions = link.hear(line)
        case ("closed_by", "core"?): closedByCore(place)
        case ("closed_by", "worker"?): closedByWorker(place)
        default: Issue.record("no such step: \(member.key) (\(place))")
        }
        #expect(link.core.counters.dropped - before.dropped == (isCounted ? 1 : 0), place)
    }

    private mutating func core(_ message: JSON, _ place: Comment) throws {
        let method = try #require(message["method"]?.string, place)
        let kind = try say(method, message, place)
        let lines = link.flush()
        #expect(lines.count == 1, place)
        let line = try JSONReader().read(Array(try #require(lines.first, place).utf8))
        if let id = message["id"] {
            let own = try #require(line["id"]?.int, place)
            let published = try #require(id.int, place)
            #expect(own >= 1 && !ids.values.contains(own) && ids[published] == nil, place)
            ids[published] = own
            asked[published] = kind
        } else {
            #expect(line["id"] == nil, place)
        }
        let expected: JSON = method == "initialize" ? ["method": .string(method)] : mapped(message)
        #expect(line.matches(expected), "\(place): \(lines)")
    }

    /// Has the core say the message, and tells what it waits for then.
    private mutating func say(_ method: String, _ message: JSON, _ place: Comment) throws -> Asked? {
        let params = message["params"]?.object ?? [:]
        let said = LinkMessage(method) { writer in
            for member in params.members {
                writer.key(member.key)
                writer.value(member.value)
            }
        }
        switch method {
        case "initialize":
            let request = InitializeRequest(
                coreName: "weir", coreVersion: "0", workerID: "vector.1", workerName: "vector", limits: link.core.limits,
                options: [:], capabilities: [])
            link.core.start(request.message, now: link.now)
            return .handshake
        // It was said when the worker's answer was accepted.
        case "initialized": return nil
        case "ping":
            #expect(link.pass(to: link.now + link.core.limits.pingInterval) == [], place)
            return .ping
        case "cancel":
            let id = try #require(params["id"]?.int, place)
            #expect(asked.removeValue(forKey: id) != nil, place)
            let own = try #require(ids[id], place)
            #expect(link.core.cancel(own, why: params["why"]?.string ?? "", now: link.now) == [], place)
            return nil
        case "drain":
            noteDrained(link.core.drain())
            return nil
        case _ where hooks.contains(method):
            let timeout = Int64(try #require(params["timeout_ms"]?.int, place))
            guard case .accepted = link.core.event(said, timeout: timeout, now: link.now) else {
                Issue.record("the event is refused (\(place))")
                return nil
            }
            return .answer
        default:
            if method == "shutdown" {
                #expect(isDrained, place)
                isShutDown = true
            }
            guard message["id"] != nil else {
                #expect(link.core.notify(said) == true, place)
                return nil
            }
            #expect(link.core.request(said, timeout: 5000, now: link.now) != nil, place)
            return .answer
        }
    }

    private mutating func worker(_ message: JSON, _ place: Comment) throws {
        let id = message["id"]?.int
        let kind = id.flatMap { asked.removeValue(forKey: $0) }
        let late = id.flatMap { ids[$0] }.flatMap { link.core.mayStillAnswer($0) ? LinkCore.Action.late(id: $0) : nil }
        actions = link.hear(String(decoding: mapped(message).encoded, as: UTF8.self))
        switch kind {
        case nil, .ping:
            // A notification of another's business, such as a stream's, is handed on.
            let method = message["id"] == nil ? message["method"]?.string : nil
            let notification = method.map { LinkCore.Action.notification(method: $0, params: message["params"] ?? .null) }
            #expect(actions == [late ?? notification].compactMap { $0 }, place)
        case .handshake:
            let result = try #require(message["result"], place)
            #expect(actions == [.initialized(result)], place)
            greet(result)
        case .answer:
            let own = try #require(id.flatMap { ids[$0] }, place)
            if let result = message["result"] {
                #expect(actions.first == .answered(id: own, result), place)
            } else if case .failed(own, let failure) = actions.first {
                #expect(failure.cause == .workerError, place)
            } else {
                Issue.record("the error ended nothing (\(place))")
            }
            noteDrained(actions.dropFirst())
        }
    }

    /// What the owner of a link does with a worker's answer to `initialize`.
    private mutating func greet(_ json: JSON) {
        do throws(StateRefusal) {
            let result = try InitializeResult(json, hooks: Hooks.table.hooks)
            hooks = Set(result.hooks.map(\.name))
            let granted = result.hooks.map {
                (hook: $0, content: $0.content, timeout: $0.timeout ?? 5000, policy: $0.policy ?? .continue)
            }
            link.core.accept(
                InitializeResult.initialized(granted, refused: [], permissions: [], redacted: []),
                workerLine: result.maximumLine, maximumInFlight: result.maximumInFlight, now: link.now)
        } catch {
            actions = link.core.close(.handshake("\(error)"))
        }
    }

    private mutating func noteDrained(_ rest: some Collection<LinkCore.Action>) {
        #expect(rest.allSatisfy { $0 == .drained } && rest.count <= (isDrained ? 0 : 1))
        if !rest.isEmpty { isDrained = true }
    }

    private mutating func closedByCore(_ place: Comment) {
        // Only a link that was shut down is closed by its owner; elsewhere the core has found a reason itself.
        if isShutDown { actions = link.core.close(.finished) }
        guard case .close(let end) = actions.last else {
            Issue.record("the core goes on: \(actions) (\(place))")
            return
        }
        #expect(end != .ended && (end == .finished) == isShutDown, place)
        #expect(link.core.state == .closed, place)
    }

    private mutating func closedByWorker(_ place: Comment) {
        let isFirst = link.core.state != .closed
        actions = link.core.close(.ended)
        if isFirst { #expect(actions.last == .close(.ended), place) } else { #expect(actions == [], place) }
        #expect(link.core.state == .closed, place)
    }

    private func counted(_ word: String, _ place: Comment) throws {
        let counters = link.core.counters
        switch word {
        case "late_reply": #expect(counters.late + counters.duplicate == before.late + before.duplicate + 1, place)
        case "unknown_id": #expect(counters.unknown == before.unknown + 1, place)
        default: Issue.record("nothing is counted as \(word) (\(place))")
        }
    }

    /// The message with the core's own ids; those that the core never gave out stay.
    private func mapped(_ message: JSON) -> JSON {
        guard var object = message.object else { return message }
        object["id"] = object["id"].map(own)
        if object["method"] == "cancel", var params = object["params"]?.object {
            params["id"] = params["id"].map(own)
            object["params"] = .object(params)
        }
        return .object(object)
    }

    private func own(_ id: JSON) -> JSON { id.int.flatMap { ids[$0] }.map { .int($0) } ?? id }
}

extension JSON {
    /// An object matches one that has at least its members, with values that match; everything else must be equal.
    fileprivate func matches(_ pattern: JSON) -> Bool {
        guard let members = pattern.object?.members else { return self == pattern }
        return object != nil && members.allSatisfy { self[$0.key]?.matches($0.value) ?? false }
    }
}
