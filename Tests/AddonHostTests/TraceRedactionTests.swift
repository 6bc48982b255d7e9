import Schema
import Testing

@testable import AddonHost

@Suite struct TraceRedactionTests {
    private func redaction(_ rules: [String] = []) throws -> TraceRedaction {
        TraceRedaction(try HiddenRules(["standard"] + rules, hidesCredentials: true), secretOptions: ["upstream_auth"])
    }

    private func event(_ more: JSONObject = [:]) -> JSON {
        var request: JSONObject = ["headers": [["Cookie", "sid=abcdefgh"], ["Host", "a"]], "path": "/?token=t0psecret"]
        for member in more.members { request[member.key] = member.value }
        return ["id": 7, "method": "request", "params": ["flow": ["id": "f", "request": .object(request)]]]
    }

    private func text(_ json: JSON) -> String { String(decoding: json.encoded, as: UTF8.self) }

    @Test("what is hidden in an event is hidden in its answer by the same text, also where the answer has no id")
    func answer() throws {
        var redaction = try redaction(["query:token"])
        let shown = redaction.hide(event(), of: .core)
        let answer = redaction.hide(
            [
                "id": 7,
                "result": [
                    "flow": ["request": ["headers": [["Cookie", "sid=abcdefgh"], ["X-A", "1"]]]],
                    "log": [["level": "info", "msg": "the cookie was sid=abcdefgh"]],
                ],
            ], of: .worker)
        for secret in ["abcdefgh", "t0psecret"] {
            #expect(!text(shown).contains(secret))
            #expect(!text(answer).contains(secret))
        }
        let before = shown["params"]?["flow"]?["request"]?["headers"]?.array?.first
        let after = answer["result"]?["flow"]?["request"]?["headers"]?.array?.first
        #expect(before != nil && before == after)
        #expect(answer["result"]?["flow"]?["id"] == nil)
    }

    @Test("secret options are hidden in `initialize` and `configure`")
    func options() throws {
        var redaction = try redaction()
        for method in ["initialize", "configure"] {
            let shown = redaction.hide(
                ["id": 1, "method": .string(method), "params": ["options": ["upstream_auth": "u:p", "mode": "x"]]], of: .core)
            #expect(shown["params"]?["options"] == ["upstream_auth": "weir-hidden", "mode": "x"])
        }
    }

    @Test("with a rule about bodies neither pieces nor beginnings of bodies are shown")
    func bodies() throws {
        var (all, none) = (try redaction(["json:secret"]), try redaction())
        let piece: JSON = ["method": "stream.data", "params": ["s": 1, "data": "half a secret"]]
        #expect(!text(all.hide(piece, of: .core)).contains("half"))
        #expect(none.hide(piece, of: .core) == piece)
        let preview = event(["content": ["preview": "half a secret", "stream": 1]])
        #expect(!text(all.hide(preview, of: .core)).contains("half"))
    }

    @Test("flows in the answer to a call are hidden too")
    func calls() throws {
        var redaction = try redaction()
        _ = redaction.hide(["id": "a", "method": "flow.list", "params": [:]], of: .worker)
        let shown = redaction.hide(
            ["id": "a", "result": ["flows": [["id": "f", "request": ["headers": [["Authorization", "Bearer abcdef"]]]]]]],
            of: .core)
        #expect(!text(shown).contains("abcdef"))
    }
}

@Suite struct TranscriptTests {
    private func read(_ text: String) throws -> Transcript { try Transcript(Array(text.utf8)) }

    @Test("steps have their side, connection and line; lines of neither side are skipped")
    func steps() throws {
        let transcript = try read(
            #"{"weir":"transcript","addon":"a","run":["x","y"],"stdio":true}"# + "\n" + #"{"t":0,"c":2,"core":{"method":"m"}}"#
                + "\n"
                + #"{"dropped":5}"# + "\n" + #"{"worker":{"id":1}}"# + "\n")
        #expect(transcript.steps.map(\.line) == [2, 4])
        #expect(transcript.steps.map(\.connection) == [2, 1])
        #expect(transcript.steps.map(\.side) == [.core, .worker])
        #expect(transcript.form == .spawn(["x", "y"], isStdio: true))
        #expect(transcript.event == nil)
    }

    @Test("a single line of the core's is an event by itself")
    func event() throws {
        let transcript = try read(
            #"{"weir":"transcript","addon":"a"}"# + "\n" + #"{"core":{"id":1,"method":"request","params":{"a":1}}}"# + "\n")
        #expect(transcript.event?.method == "request")
        #expect(transcript.event?.params == ["a": 1])
        #expect(transcript.form == nil)
    }

    @Test("what is none is refused with its line", arguments: ["", "{}\n", "{\"weir\":\"transcript\",\"addon\":\"a\"}\nx\n"])
    func refused(_ text: String) { #expect(throws: AddonFailure.self) { try read(text) } }
}
