import FlowModel
import Foundation
import Schema
import Testing

@testable import AddonHost

/// A row of `Protocol/vectors/replies.json`.
struct ReplyVector: Sendable, CustomTestStringConvertible {
    let name: String
    let hook: String
    let sent: JSON
    let result: JSON
    let verdict: String
    let state: JSON?
    let kind: String?
    let path: String?
    var testDescription: String { name }

    init?(_ row: JSON) {
        guard let name = row["name"]?.string, let hook = row["hook"]?.string, let sent = row["sent"], let result = row["result"],
            let verdict = row["verdict"]?.string
        else { return nil }
        (self.name, self.hook, self.sent, self.result, self.verdict) = (name, hook, sent, result, verdict)
        (state, kind, path) = (row["state"], row["kind"]?.string, row["path"]?.string)
    }

    static let rows: [JSON] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Protocol/vectors/replies.json")
        // The reader takes one line, and the file has many: outside strings a line feed is a space.
        let text = (try? Data(contentsOf: file))?.map { $0 == 0x0A ? 0x20 : $0 } ?? []
        return (try? JSONReader().read(text))?.array ?? []
    }()
    static let all = rows.compactMap(ReplyVector.init)

    /// A flow with the members that matter.
    func carrier() throws -> FlowCarrier {
        var carrier = FlowCarrier(http: try HTTPFlow.read(sent, at: ""))
        // No worker may say `omitted` of a body, so that reading passes it over.
        if let size = sent["request"]?["content"]?["omitted"] { carrier.http.request.content = .omitted(size.int) }
        if let size = sent["response"]?["content"]?["omitted"] { carrier.http.response?.content = .omitted(size.int) }
        try #require(try carrier.state().shows(sent, after: sent))
        return carrier
    }
}

struct ReplyVectorTests {
    @Test("the published replies are there")
    func repliesExist() {
        #expect(ReplyVector.all.count > 25)
        #expect(ReplyVector.all.count == ReplyVector.rows.count)
    }

    @Test("a reply is accepted or refused as the published vector says", arguments: ReplyVector.all)
    func reply(_ vector: ReplyVector) throws {
        var carrier = try vector.carrier()
        let changes: [Change<FlowCarrier>]
        do throws(StateRefusal) {
            changes = try FlowCarrier.changes(from: carrier, to: vector.result, at: "", access: .writable)
        } catch {
            #expect(vector.verdict == "reject", "\(error)")
            #expect(error.word.rawValue == vector.kind)
            #expect(error.path == vector.path)
            return
        }
        for change in changes { change.apply(&carrier) }
        try #require(vector.verdict == "accept")
        let state = try carrier.state()
        #expect(state.shows(try #require(vector.state), after: vector.sent), "\(String(decoding: state.encoded, as: UTF8.self))")
    }
}

@Suite(.serialized) struct WorkerReplyVectorTests {
    @Test("a worker that answers with the reply changes the flow as the published vector says", arguments: ReplyVector.all)
    func reply(_ vector: ReplyVector) async throws {
        let hook = try #require([TestHooks.table.request, TestHooks.table.response].first { $0.name == vector.hook })
        let rig = try Rig()
        let body = """
            result = json.loads(r'''\(String(decoding: vector.result.encoded, as: UTF8.self))''')
            send({"jsonrpc": "2.0", "id": id, "result": result})
            return False
            """
        try await rig.start([rig.python("vector", hooks: #"["\#(vector.hook)"]"#, body)])
        let state = try await rig.fire(hook, vector.carrier()).state()
        let failures = rig.log.all.filter { $0.contains("'\(vector.hook)' failed") }
        await rig.host.shutdown()
        switch vector.verdict {
        case "accept":
            #expect(failures == [])
            #expect(state.shows(try #require(vector.state), after: vector.sent))
        case "reject":
            #expect(failures.count == 1, "\(rig.log.all)")
            #expect(failures.first?.contains("(\(try #require(vector.kind)))") == true, "\(failures)")
            // An empty path: no place in the state is to blame.
            if let path = vector.path, !path.isEmpty { #expect(failures.first?.contains(": \(path): ") == true, "\(failures)") }
            #expect(state.shows(vector.sent, after: vector.sent))
        default: Issue.record("no such verdict: \(vector.verdict)")
        }
    }
}

extension FlowCarrier {
    fileprivate func state() throws -> JSON {
        var writer = JSONWriter()
        http.write(to: &writer)
        return try JSONReader().read(writer.bytes)
    }
}

extension JSON {
    /// Whether the state has at least the members of `pattern`, and none that `sent` had and `pattern` has not.
    ///
    /// The latter because a member that was to be removed is only missing from the pattern.
    fileprivate func shows(_ pattern: JSON, after sent: JSON?) -> Bool {
        guard let expected = pattern.object else { return self == pattern }
        let removed = (sent?.object?.members ?? []).map(\.key).filter { expected[$0] == nil }
        return object != nil && removed.allSatisfy { self[$0] == nil }
            && expected.members.allSatisfy { self[$0.key]?.shows($0.value, after: sent?[$0.key]) ?? false }
    }
}
