import FlowModel
import ProxyKernel
import Schema
import Testing

@testable import Rules

@Suite struct ServerReplayTests {
    private func replay(_ recorded: [HTTPFlow], _ more: (any AnyOption, String)...) throws -> ServerReplay {
        var settings = try settings((options.serverReplay, "file"))
        for (option, text) in more { try settings.set(option, [text]) }
        return try #require(ServerReplay(settings, recorded, quiet))
    }

    /// The body that a request gets; "forwarded" if it is none.
    private func answer(_ rule: ServerReplay, _ asked: HTTPFlow) throws -> String {
        var asked = asked
        try rule.apply(to: &asked, at: .request)
        guard let response = asked.response else { return "forwarded" }
        #expect(asked.isReplay == "response" && asked.timestampCreated == 1)
        return response.content.text.map { $0.isEmpty ? "\(response.statusCode)" : $0 } ?? "nothing"
    }

    @Test("responses are given in the order of their recording, each once, then requests go on")
    func order() throws {
        let recorded = [
            flow("http://a.test/x", response: response(200, [], "1")), flow("http://a.test/x"),
            flow("http://a.test/x", response: response(200, [], "2")), flow("http://a.test/y", response: response(200, [], "3")),
        ]
        let rule = try replay(recorded)
        #expect(try (0..<3).map { _ in try answer(rule, flow("http://a.test/x")) } == ["1", "2", "forwarded"])
        #expect(try answer(rule, flow("http://a.test/y")) == "3")
        let reusing = try replay(recorded, (options.replayReuse, "true"))
        #expect(try (0..<3).map { _ in try answer(reusing, flow("http://a.test/x")) } == ["1", "1", "1"])
    }

    @Test("what comes in addition is answered as the operator says", arguments: ["204", "400", "404", "500"])
    func extra(status: String) throws {
        let rule = try replay([], (options.replayExtra, status))
        #expect(try answer(rule, flow("http://a.test/x")) == status)
    }

    @Test("what comes in addition can be killed")
    func kill() throws {
        let rule = try replay([], (options.replayExtra, "kill"))
        #expect(throws: ProxyFailure.self) { try answer(rule, flow("http://a.test/x")) }
    }

    private static let form = [("Content-Type", "application/x-www-form-urlencoded")]
    private static let multipart = [("Content-Type", "multipart/form-data; boundary=xx")]
    private static func parts(_ a: String, _ b: String) -> String {
        [("a", a), ("b", b)].map { "--xx\r\nContent-Disposition: form-data; name=\"\($0.0)\"\r\n\r\n\($0.1)\r\n" }.joined()
            + "--xx--\r\n"
    }

    /// Pairs of requests: whether mitmproxy 11.0.2's `ServerPlayback._hash` was the same for both, without and with the option.
    @Test(
        "requests are alike if all that is compared is the same",
        arguments: [
            (flow("http://a.test/x"), flow("http://a.test/x"), nil, true),
            (flow("http://a.test/x"), flow("http://a.test/y"), nil, false),
            (flow("http://a.test/x"), flow("http://a.test/x", "HEAD"), nil, false),
            (flow("http://a.test/x"), flow("https://a.test:80/x"), nil, false),
            (flow("http://a.test/x;a=1"), flow("http://a.test/x;a=2"), nil, true),
            (flow("http://a.test/x#1"), flow("http://a.test/x#2"), nil, true),
            (flow("http://a.test/x?"), flow("http://a.test/x"), nil, true),
            (flow("http://a.test/x?a&b=%20"), flow("http://a.test/x?a=&b=+"), nil, true),
            (flow("http://a.test/x?a=1&b=2"), flow("http://a.test/x?b=2&a=1"), nil, false),
            (flow("http://a.test/x"), flow("http://b.test/x"), nil, false),
            (flow("http://a.test/x"), flow("http://b.test/x"), (options.replayIgnoreHost, "true"), true),
            (flow("http://a.test/x"), flow("http://a.test:81/x"), nil, false),
            (flow("http://a.test/x"), flow("http://a.test:81/x"), (options.replayIgnorePort, "true"), true),
            (flow("http://a.test/x", "POST", body: "1"), flow("http://a.test/x", "POST", body: "2"), nil, false),
            (
                flow("http://a.test/x", "POST", body: "1"), flow("http://a.test/x", "POST", body: "2"),
                (options.replayIgnoreContent, "true"), true
            ),
            (flow("http://a.test/x?t=1&a=1"), flow("http://a.test/x?t=2&a=1"), nil, false),
            (flow("http://a.test/x?t=1&a=1"), flow("http://a.test/x?t=2&a=1"), (options.replayIgnoreParams, "t"), true),
            (flow("http://a.test/x?t=1&a=1"), flow("http://a.test/x?t=2&a=2"), (options.replayIgnoreParams, "t"), false),
            (flow("http://a.test/x", "GET", [("X", "1")]), flow("http://a.test/x"), nil, true),
            (flow("http://a.test/x", "GET", [("X", "1")]), flow("http://a.test/x"), (options.replayUseHeaders, "x"), false),
            (
                flow("http://a.test/x", "GET", [("X", "1")]), flow("http://a.test/x", "GET", [("x", "1")]),
                (options.replayUseHeaders, "X"), true
            ),
            (
                flow("http://a.test/x", "POST", form, body: "a=1&b=2"), flow("http://a.test/x", "POST", form, body: "a=2&b=2"),
                (options.replayIgnorePayloadParams, "a"), true
            ),
            (
                flow("http://a.test/x", "POST", form, body: "a=1&b=2"), flow("http://a.test/x", "POST", form, body: "a=1&b=3"),
                (options.replayIgnorePayloadParams, "a"), false
            ),
            (
                flow("http://a.test/x", "POST", multipart, body: parts("1", "2")),
                flow("http://a.test/x", "POST", multipart, body: parts("9", "2")), (options.replayIgnorePayloadParams, "a"), true
            ),
            (
                flow("http://a.test/x", "POST", multipart, body: parts("1", "2")),
                flow("http://a.test/x", "POST", multipart, body: parts("1", "3")), (options.replayIgnorePayloadParams, "a"), false
            ),
            (
                flow("http://a.test/x", "POST", body: "a=1"), flow("http://a.test/x", "POST", body: "a=2"),
                (options.replayIgnorePayloadParams, "a"), false
            ),
        ] as [(HTTPFlow, HTTPFlow, (any AnyOption, String)?, Bool)])
    func matching(one: HTTPFlow, other: HTTPFlow, option: (any AnyOption, String)?, isAlike: Bool) throws {
        var recorded = one
        recorded.response = response(200, [], "recorded")
        let rule = try option.map { try replay([recorded], $0) } ?? replay([recorded])
        #expect(try answer(rule, other) == (isAlike ? "recorded" : "forwarded"))
    }

    @Test("dates move by the time since the recording, unless that is turned off")
    func refresh() throws {
        var moved = response(
            200,
            [
                ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Expires", "never"),
                ("Last-Modified", "Sunday, 06-Nov-94 08:49:37 GMT"),
                ("Set-Cookie", "a=1; expires=Wed, 31 Dec 2025 23:59:59 GMT; Path=/"), ("Set-Cookie", "b=2"),
            ], at: 1000)
        moved.refresh(at: 1000 + 86_400)
        #expect(
            moved.headers.map(\.value.string) == [
                "Mon, 07 Nov 1994 08:49:37 GMT", "never", "Mon, 07 Nov 1994 08:49:37 GMT",
                "a=1; expires=Thu, 01 Jan 2026 23:59:59 GMT; Path=/", "b=2",
            ])
    }

    @Test(
        "dates that are none",
        arguments: ["", "Sun, 06 Nov 1994", "08:49:37", "99 Nov 1994 08:49:37", "06 Nov 1994 25:00:00", "06 Foo 1994 08:49:37"])
    func badDates(text: String) { #expect(HTTPDate.read(text) == nil) }
}
