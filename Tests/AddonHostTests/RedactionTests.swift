import FlowModel
import NIOCore
import ProxyKernel
import Schema
import Testing

@testable import AddonHost

struct RedactionTests {
    static func redaction(_ rules: String...) throws -> Redaction {
        try #require(Redaction(try HiddenRules(rules, hidesCredentials: false)))
    }

    static func flow(
        path: String = "/", _ headers: [(String, String)] = [], body: String? = nil, response: [(String, String)]? = nil,
        responseBody: String = ""
    ) -> HTTPFlow {
        var flow = HTTPFlow.blank
        flow.id = "0b7a"
        flow.request.path = ByteString(path)
        flow.request.headers = Headers(headers)
        flow.request.content = body.map { .bytes(ByteBuffer(string: $0)) } ?? .missing
        if let response {
            flow.response = Response()
            flow.response?.headers = Headers(response)
            flow.response?.content = .bytes(ByteBuffer(string: responseBody))
        }
        return flow
    }

    static func event(_ flow: HTTPFlow) -> JSON { ["flow": flow.wireJSON] }

    /// A part of an event's JSON, by its path.
    static func at(_ json: JSON, _ path: String) -> JSON {
        path.split(separator: ".").reduce(json) { json, name in
            Int(name).flatMap { json.array?.indices.contains($0) == true ? json.array?[$0] : nil } ?? json[String(name)] ?? .null
        }
    }

    static func text(_ json: JSON) -> String { String(decoding: json.encoded, as: UTF8.self) }

    @Test("hidden headers become numbered placeholders, all of a name, in every case, and come back")
    func headers() throws {
        let redaction = try Self.redaction("cookie", "header:Set-Cookie")
        let event = Self.event(
            Self.flow(
                [("COOKIE", "a=1"), ("x", "y"), ("cookie", "b=2")], response: [("Set-Cookie", "sid=s3"), ("Cookie", "c=4")]))
        let (shown, hidden) = redaction.hide(event: event, isDecoded: false)
        for secret in ["a=1", "b=2", "sid=s3", "c=4"] { #expect(!Self.text(shown).contains(secret)) }
        #expect(Self.text(shown).contains("weir-hidden-"))
        #expect(Self.at(shown, "flow.request.headers.1") == ["x", "y"])
        #expect(Self.at(shown, "flow.request.headers.0.1") != Self.at(shown, "flow.request.headers.2.1"))
        #expect(try redaction.restore(event: shown, hidden) == event.merging(["flow": ["backup": .null]]))
    }

    @Test("the same flow has the same placeholders in another event, whatever the value; another flow has others")
    func stable() throws {
        let redaction = try Self.redaction("cookie")
        func shown(_ value: String, _ id: String) -> JSON {
            var flow = Self.flow([("Cookie", value)])
            flow.id = id
            return Self.at(redaction.hide(event: Self.event(flow), isDecoded: false).shown, "flow.request.headers.0.1")
        }
        #expect(shown("a", "1") == shown("b", "1"))
        #expect(shown("a", "1") != shown("a", "2"))
    }

    @Test("an answer of very many members takes no longer for each of them", .timeLimit(.minutes(1)))
    func manyMembers() throws {
        let redaction = try Self.redaction("cookie")
        let (shown, hidden) = redaction.hide(event: Self.event(Self.flow([("Cookie", "a=1")])), isDecoded: false)
        let stand = Self.at(shown, "flow.request.headers.0.1")
        // With what stands for a value, so that each text is looked at.
        let many = JSON.object(JSONObject(unique: (0..<100_000).map { .init(key: "m\($0)", value: "x") }))
        for answer: JSON in [
            many, ["flow": many], ["flow": ["request": many]], ["flow": ["request": ["headers": many]]],
            ["flow": ["websocket": many]], ["flow": ["metadata": many]],
        ] {
            let whole = answer.merging(["flow": ["request": ["headers": ["set": [["cookie", stand]]]]]])
            let expected = answer.merging(["flow": ["request": ["headers": ["set": [["cookie", "a=1"]]]]]])
            #expect(try redaction.restore(event: whole, hidden) == expected)
        }
    }

    @Test("in edits a placeholder is the true value in lines of its name, and nowhere else")
    func edits() throws {
        let redaction = try Self.redaction("cookie")
        let (shown, hidden) = redaction.hide(event: Self.event(Self.flow([("Cookie", "a=1")])), isDecoded: false)
        let stand = try #require(Self.at(shown, "flow.request.headers.0.1").string)
        func answer(_ edits: JSON) -> JSON { ["flow": ["request": ["headers": edits]]] }
        for edit in ["set", "add"] {
            let edits: JSON = .object([edit: [["x", "y"], ["COOKIE", .string("\(stand); extra=1")]], "remove": ["z"]])
            let restored: JSON = .object([edit: [["x", "y"], ["COOKIE", "a=1; extra=1"]], "remove": ["z"]])
            #expect(try redaction.restore(event: answer(edits), hidden) == answer(restored))
            #expect(throws: StateRefusal.self) {
                try redaction.restore(event: answer(.object([edit: [["x", .string(stand)]]])), hidden)
            }
            #expect(throws: StateRefusal.self) {
                try redaction.restore(event: answer(.object([edit: [[.string(stand), "y"]]])), hidden)
            }
        }
        #expect(throws: StateRefusal.self) {
            try redaction.restore(event: answer(["remove": [.string(stand)]]), hidden)
        }
        // As in the lines that an answer gives whole, in a transcript.
        let secrets = answer(["set": [["cookie", "s3cret"]], "add": [["Cookie", "s4cret"]]])
        let trace = Self.text(redaction.hide(event: secrets, isDecoded: false).shown)
        #expect(!trace.contains("s3cret") && !trace.contains("s4cret"))
    }

    @Test("a placeholder that is embedded, or moved to another line of its name, is the true value")
    func embedded() throws {
        let redaction = try Self.redaction("cookie")
        let (shown, hidden) = redaction.hide(event: Self.event(Self.flow([("Cookie", "a=1")])), isDecoded: false)
        let stand = try #require(Self.at(shown, "flow.request.headers.0.1").string)
        let answer: JSON = ["flow": ["request": ["headers": [["x", "y"], ["cookie", .string("\(stand); extra=1")]]]]]
        #expect(
            try redaction.restore(event: answer, hidden) == [
                "flow": ["request": ["headers": [["x", "y"], ["cookie", "a=1; extra=1"]]]]
            ])
        let coded: JSON = ["flow": ["request": ["headers": [["cookie", ["b64": .string(Self.base64(stand))]]]]]]
        #expect(try redaction.restore(event: coded, hidden) == ["flow": ["request": ["headers": [["cookie", "a=1"]]]]])
    }

    static func base64(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }

    @Test(
        "a placeholder in another place is denied, with the place",
        arguments: [
            (#"{"flow":{"request":{"headers":[["x-other","*"]]}}}"#, "flow.request.headers[0][1]"),
            (#"{"flow":{"request":{"headers":[["*","x"]]}}}"#, "flow.request.headers[0][0]"),
            (#"{"flow":{"response":{"status_code":200,"headers":[["cookie","*"]]}}}"#, "flow.response.headers[0][1]"),
            (#"{"flow":{"request":{"path":"/?a=*"}}}"#, "flow.request.path"),
            (#"{"flow":{"request":{"host":"*.evil.test"}}}"#, "flow.request.host"),
            (#"{"flow":{"request":{"content":"*"}}}"#, "flow.request.content"),
            (#"{"flow":{"response":{"reason":"*"}}}"#, "flow.response.reason"),
            (#"{"flow":{"metadata":{"deep":[{"x":"*"}]}}}"#, "flow.metadata"),
            (#"{"flow":{"metadata":{"*":1}}}"#, "flow.metadata"),
            (#"{"flow":{"comment":"*"}}"#, "flow.comment"),
            (#"{"flow":{"error":{"msg":"*"}}}"#, "flow.error"),
            (#"{"flow":{"websocket":{"messages":[[1,true,"*",0,false,false]]}}}"#, "flow.websocket.messages[0][2]"),
            (#"{"log":[{"msg":"*"}]}"#, "log"),
            (#"{"metrics":[{"name":"x","labels":{"a":"*"}}]}"#, "metrics"),
        ])
    func moved(_ answer: String, _ path: String) throws {
        let redaction = try Self.redaction("cookie")
        let (shown, hidden) = redaction.hide(event: Self.event(Self.flow([("Cookie", "a=1")])), isDecoded: false)
        let stand = try #require(Self.at(shown, "flow.request.headers.0.1").string)
        let json = try JSONReader().read(Array(answer.replacing("*", with: stand).utf8))
        let refusal = #expect(throws: StateRefusal.self) { try redaction.restore(event: json, hidden) }
        #expect(refusal?.word == .denied)
        #expect(refusal?.path == path)
    }

    @Test("text that looks like a placeholder stays")
    func lookalike() throws {
        let redaction = try Self.redaction("cookie")
        let event = Self.event(Self.flow([("Cookie", "weir-hidden-123456789012345"), ("x", "weir-hidden-123456789012345")]))
        let (shown, hidden) = redaction.hide(event: event, isDecoded: false)
        #expect(Self.at(shown, "flow.request.headers.1.1") == "weir-hidden-123456789012345")
        #expect(try redaction.restore(event: shown, hidden) == event.merging(["flow": ["backup": .null]]))
    }

    @Test("parameters are hidden in the target and in every header that repeats a URL")
    func parameters() throws {
        let redaction = try Self.redaction("query:token")
        let event = Self.event(
            Self.flow(
                path: "/a?x=1&tok%65n=s3cret&y=2#token=s4cret",
                [("Referer", "http://h/?token=s5cret"), ("X-Token", "open")],
                response: [("Location", "/cb#token=s6cret&state=1")]))
        let (shown, hidden) = redaction.hide(event: event, isDecoded: false)
        for secret in ["s3cret", "s4cret", "s5cret", "s6cret"] { #expect(!Self.text(shown).contains(secret)) }
        #expect(Self.at(shown, "flow.request.path").string?.hasPrefix("/a?x=1&tok%65n=weir-hidden-") == true)
        #expect(Self.at(shown, "flow.request.path").string?.contains("&y=2#token=weir-hidden-") == true)
        #expect(Self.at(shown, "flow.request.headers.1.1") == "open")
        #expect(try redaction.restore(event: shown, hidden) == event.merging(["flow": ["backup": .null]]))
    }

    @Test("members of JSON are hidden byte for byte: strings within their quotes, other values with quotes of their own")
    func members() throws {
        let redaction = try Self.redaction("json:token", "json:/card/number")
        let body = #"{ "a":1,"token":"s\"3c" ,"x":[{"t\u006fken" : 12.50e3}], "card":{"number":{"n":[1,2]},"token":null}}"#
        let (shown, hidden) = redaction.hide(event: Self.event(Self.flow(body: body)), isDecoded: false)
        let text = try #require(Self.at(shown, "flow.request.content").string)
        #expect(!text.contains("s\\\"3c") && !text.contains("12.50e3") && !text.contains("[1,2]") && !text.contains("null"))
        #expect(text.hasPrefix(#"{ "a":1,"token":"weir-hidden-"#))
        let parsed = try JSONReader().read(Array(text.utf8))
        #expect(parsed["x"]?.array?.first?["token"]?.string?.hasPrefix("weir-hidden-") == true)
        let back = try redaction.restore(event: ["flow": ["request": ["content": .string(text)]]], hidden)
        #expect(Self.at(back, "flow.request.content").string == body)
        // Written anew by another writer, it is the same values again.
        let rewritten = try redaction.restore(event: ["flow": ["request": ["content": .string(Self.text(parsed))]]], hidden)
        let values = try JSONReader().read(Array(try #require(Self.at(rewritten, "flow.request.content").string).utf8))
        #expect(try values == JSONReader().read(Array(body.utf8)))
    }

    @Test("a hidden value that is no string stays one value")
    func numberAlone() throws {
        let redaction = try Self.redaction("json:pin")
        let (shown, hidden) = redaction.hide(event: Self.event(Self.flow(body: #"{"pin":1234}"#)), isDecoded: false)
        let text = try #require(Self.at(shown, "flow.request.content").string)
        let changed = text.replacing("\"weir", with: "\"no weir")
        #expect(throws: StateRefusal.self) {
            try redaction.restore(event: ["flow": ["request": ["content": .string(changed)]]], hidden)
        }
    }

    @Test(
        "a body that might hold a hidden member and cannot be looked into is hidden whole",
        arguments: [
            (#"{"token":"s3cret""#, ""), ("{'token':'s3cret'}", "text/html"),
            ("data: {\"token\":\"s3cret\"}\n\n", "text/event-stream"),
            ("s3cret", "application/json"), ("\n[1,\"s3cret\"", "text/plain"),
            ("{\"token\":\"s3cret\"}\n{}", "application/x-ndjson"),
        ])
    func opaque(_ body: String, _ type: String) throws {
        let redaction = try Self.redaction("json:token")
        let event = Self.event(Self.flow([("Content-Type", type)], body: body))
        let (shown, hidden) = redaction.hide(event: event, isDecoded: false)
        #expect(!Self.text(shown).contains("s3cret"))
        #expect(try redaction.restore(event: shown, hidden) == event.merging(["flow": ["backup": .null]]))
    }

    @Test("a body with content codings is hidden whole, unless they were taken off")
    func encoded() throws {
        let redaction = try Self.redaction("json:token")
        let event = Self.event(Self.flow([("content-encoding", "gzip")], body: "<p>plain</p>"))
        #expect(!Self.text(redaction.hide(event: event, isDecoded: false).shown).contains("plain"))
        #expect(Self.text(redaction.hide(event: event, isDecoded: true).shown).contains("plain"))
    }

    @Test("fields of forms are hidden, and forms of parts whole")
    func forms() throws {
        let redaction = try Self.redaction("form:password")
        let form = Self.event(
            Self.flow([("Content-Type", "application/x-www-form-urlencoded")], body: "user=u&p%61ssword=s3cret&z="))
        let (shown, hidden) = redaction.hide(event: form, isDecoded: false)
        #expect(Self.at(shown, "flow.request.content").string?.hasPrefix("user=u&p%61ssword=weir-hidden-") == true)
        #expect(try redaction.restore(event: shown, hidden) == form.merging(["flow": ["backup": .null]]))
        let parts = Self.event(Self.flow([("Content-Type", "multipart/form-data; boundary=x")], body: "--x\r\ns3cret\r\n--x--"))
        #expect(!Self.text(redaction.hide(event: parts, isDecoded: false).shown).contains("s3cret"))
    }

    @Test("the state before the first change is hidden, too, and not read from an answer")
    func backup() throws {
        let redaction = try Self.redaction("cookie")
        var flow = Self.flow([("Cookie", "old=1")])
        flow.keepBackup()
        flow.request.headers = Headers([("Cookie", "new=2")])
        let (shown, hidden) = redaction.hide(event: Self.event(flow), isDecoded: false)
        #expect(!Self.text(shown).contains("old=1") && !Self.text(shown).contains("new=2"))
        #expect(Self.at(shown, "flow.backup.request.headers.0.0") == "Cookie")
        #expect(Self.at(try redaction.restore(event: shown, hidden), "flow.backup") == .null)
    }

    @Test("texts of the flow that repeat a hidden value are hidden where they do, and come back")
    func copies() throws {
        let redaction = try Self.redaction("authorization", "proxy-authorization")
        var flow = Self.flow([("Authorization", "Bearer hidden-hidden")])
        flow.metadata.set("seen", ["got Bearer hidden-hidden twice: Bearer hidden-hidden"])
        flow.metadata.set("proxyauth", ["u", "p4ss"])
        flow.comment = "Bearer hidden-hidden, 'hidden-hidden'; weir-hidden-1"
        flow.error = FlowError("no Bearer hidden-hidden", at: 0)
        let event = Self.event(flow)
        let (shown, hidden) = redaction.hide(event: event, isDecoded: false)
        #expect(!Self.text(shown).contains("hidden-hidden") && !Self.text(shown).contains("p4ss"))
        #expect(try redaction.restore(event: shown, hidden) == event.merging(["flow": ["backup": .null]]))
    }

    @Test("messages of raw connections, first bytes and passwords of clients are hidden")
    func others() throws {
        let redaction = try Self.redaction("json:token", "proxy-authorization")
        var tcp = TCPFlow.blank
        tcp.messages = [StreamMessage(isFromClient: true, content: "s3cret", timestamp: 1)]
        for event: JSON in [
            ["flow": tcp.wireJSON], ["data_client": "s3cret"], ["username": "u", "password": "s3cret"],
            ["flow": ["id": "1", "websocket": ["messages": [[1, true, #"{"token":"s3cret"}"#, 1, false, false]]]]],
        ] {
            let (shown, hidden) = redaction.hide(event: event, isDecoded: false)
            #expect(!Self.text(shown).contains("s3cret"))
            let expected = event["flow"]?["backup"] == nil ? event : event.merging(["flow": ["backup": .null]])
            #expect(try redaction.restore(event: shown, hidden) == expected)
        }
    }

    @Test("whatever is hidden comes back byte for byte, and is not in what is shown")
    func fuzz() throws {
        let redaction = try Self.redaction(
            "cookie", "authorization", "query:token", "json:token", "json:/a/0", "form:token", "proxy-authorization")
        var random = Seeded(state: 7)
        let pieces = [
            "{", "}", "[", "]", ":", ",", "\"token\"", "\"a\"", "\"", "\\", "1", "-0.5e9", "null", "true", " ", "\n", "token=",
            "&", "?",
            "#", ";", "%74oken=", "weir-hidden-", "weir-hidden-123456789012345", "é", "x", "=", "\"S3CRET\"", "S3CRET", "\u{0}",
        ]
        func text(_ most: Int) -> String {
            (0..<Int.random(in: 0...most, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
        }
        func json(_ depth: Int) -> String {
            switch Int.random(in: 0..<(depth > 3 ? 3 : 5), using: &random) {
            case 0: "\"\(["S3CRET", "open", "\\u00e9\\\"", ""].randomElement(using: &random) ?? "")\""
            case 1: ["0", "-1.5E+3", "12345678901234567890", "null", "false"].randomElement(using: &random) ?? ""
            case 2: "\"S3CRET \(text(2).filter { $0 != "\"" && $0 != "\\" && $0 != "\n" && $0 != "\u{0}" })\""
            case 3: "[" + (0..<Int.random(in: 0...3, using: &random)).map { _ in json(depth + 1) }.joined(separator: " ,") + "]"
            default:
                "{ "
                    + (0..<Int.random(in: 0...3, using: &random)).map { _ in
                        "\(["\"token\"", "\"a\"", "\"t\\u006fken\"", "\"b\""].randomElement(using: &random) ?? "")  : \(json(depth + 1))"
                    }.joined(separator: ",\n") + "}"
            }
        }
        for _ in 0..<3000 {
            let isJSON = Bool.random(using: &random)
            let types = ["application/json", "application/x-www-form-urlencoded", "text/html", ""]
            let flow = Self.flow(
                path: "/" + text(6),
                [
                    ("Cookie", text(3)), ("X", text(5)), ("cookie", "S3CRET"), ("Referer", "/?token=S3CRET"),
                    ("Content-Type", types.randomElement(using: &random) ?? ""),
                ],
                body: isJSON ? json(0) : text(12), response: [("Authorization", text(4)), ("Location", "/?a&token=" + text(2))],
                responseBody: text(9))
            let event = Self.event(flow).merging(["flow": ["backup": .null]])
            let (shown, hidden) = redaction.hide(event: event, isDecoded: false)
            #expect(try redaction.restore(event: shown, hidden) == event)
            #expect(try redaction.restore(event: JSONReader().read(shown.encoded), hidden) == event)
            for line in Self.at(shown, "flow.request.headers").array ?? []
            where line.array?.first?.string?.lowercased() == "cookie" {
                #expect(line.array?.last?.string?.hasPrefix("weir-hidden-") == true)
            }
        }
    }
}

/// A generator with the same numbers each time.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
