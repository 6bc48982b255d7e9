import Testing

@testable import FlowModel

@Suite struct FilterOperatorTests {
    @Test(
        "an operator matches the flow that has what it asks for, and not the one that lacks it",
        arguments: [
            // expression, flow that matches, flow that does not
            ("~all", StubFlow(.udp), nil),
            ("~http", .exchange, StubFlow(.tcp)),
            ("~tcp", StubFlow(.tcp), .exchange),
            ("~udp", StubFlow(.udp), StubFlow(.dns)),
            ("~dns", StubFlow(.dns), StubFlow(.udp)),
            ("~websocket", .with { $0.hasWebSocket = true }, .exchange),
            ("~websocket", .with { $0.hasWebSocket = true }, StubFlow(.tcp) { $0.hasWebSocket = true }),
            ("~q", .with { $0.hasResponse = false }, .exchange),
            ("~q", StubFlow(.dns), StubFlow(.tcp)),
            ("~s", .exchange, .with { $0.hasResponse = false }),
            ("~s", StubFlow(.dns) { $0.hasResponse = true }, StubFlow(.tcp) { $0.hasResponse = true }),
            ("~e", .with { $0.hasError = true }, .exchange),
            ("~a", .with { $0.responseContentType = "text/css; charset=utf-8".bytes }, .exchange),
            ("~a", .with { $0.responseContentType = "image/png".bytes }, .with { $0.responseContentType = "IMAGE/PNG".bytes }),
            ("~a", .with { $0.responseContentType = "application/font-woff".bytes }, .with { $0.responseContentType = nil }),
            ("~a", .with { $0.responseContentType = "font/woff2".bytes }, .with { $0.requestContentType = "text/css".bytes }),
            ("~a", .with { $0.responseContentType = "application/x-javascript".bytes }, StubFlow(.tcp)),
            ("~marked", .with { $0.marked = ":red:" }, .exchange),
            ("~replay", .with { $0.isReplay = "response" }, .exchange),
            ("~replayq", .with { $0.isReplay = "request" }, .with { $0.isReplay = "response" }),
            ("~replays", .with { $0.isReplay = "response" }, .with { $0.isReplay = "request" }),
            ("~u EXAMPLE.com/path", .exchange, .with { $0.url = "http://other/" }),
            ("~u name", StubFlow(.dns) { $0.url = "name.test" }, StubFlow(.tcp) { $0.url = "name.test" }),
            ("/path$", .exchange, .with { $0.url = nil }),
            ("~d ^10\\.", .exchange, .with { $0.hosts = ["example.com"] }),
            ("~d ^example\\.com$", .exchange, StubFlow(.dns) { $0.hosts = ["example.com"] }),
            ("~m ^get$", .exchange, .with { $0.method = "POST".bytes }),
            ("~m .", .exchange, .with { $0.method = nil }),
            ("~h ^accept:", .exchange, .with { $0.requestHeaderBlock = nil }),
            ("~h ^server:", .exchange, .with { $0.responseHeaderBlock = nil }),
            ("~hq ^accept:", .exchange, .with { $0.requestHeaderBlock = "Server: x\r\n".bytes }),
            ("~hs nginx$", .exchange, .with { $0.responseHeaderBlock = "Server: nginx/1\r\n".bytes }),
            ("~hs ^server", .exchange, .with { $0.responseHeaderBlock = "X-Server: y\r\n".bytes }),
            ("~b from.client", .exchange, .with { $0.requestContent = nil }),
            ("~b from.server", .exchange, .with { $0.responseContent = nil }),
            ("~bq from.client", .exchange, .with { $0.requestContent = "from server".bytes }),
            ("~bs from.server", .exchange, .with { $0.responseContent = "from client".bytes }),
            ("~b ping", .tunnel(.tcp), .exchange),
            ("~bq ping", .tunnel(.udp), .tunnel(.udp, swapped: true)),
            ("~bs pong", .tunnel(.http), .tunnel(.http, swapped: true)),
            ("~bq A", StubFlow(.dns) { $0.requestContent = "A".bytes }, StubFlow(.dns) { $0.responseContent = "A".bytes }),
            ("~t ^text/plain$", .exchange, .with { $0.responseContentType = nil }),
            ("~t json", .exchange, .with { $0.requestContentType = nil }),
            ("~tq json", .exchange, .with { $0.requestContentType = "text/plain".bytes }),
            ("~ts plain", .exchange, .with { $0.responseContentType = "application/json".bytes }),
            ("~src ^127.0.0.1:5000$", .exchange, .with { $0.clientAddress = nil }),
            ("~dst :443", .with { $0.serverAddress = "example.com:443" }, .exchange),
            ("~dst .", .exchange, .with { $0.serverAddress = nil }),
            ("~meta '^two: b$'", .with { $0.metadataText = "one: a\ntwo: b" }, .with { $0.metadataText = "one: a" }),
            ("~marker red", .with { $0.marked = ":red:" }, .exchange),
            ("~marker ^$", .exchange, .with { $0.marked = ":red:" }),
            ("~comment ^second", .with { $0.comment = "first\nsecond" }, .exchange),
            ("~c 200", .exchange, .with { $0.statusCode = 201 }),
            ("~c 0200", .exchange, .with { $0.statusCode = nil }),
            ("!~c 99999999999999999999", .exchange, nil),
        ] as [(String, StubFlow, StubFlow?)])
    func rows(expression: String, matching: StubFlow, other: StubFlow?) throws {
        let filter = try Filter(expression)
        #expect(filter.matches(matching))
        if let other { #expect(!filter.matches(other)) }
    }

    @Test("every operator has one row, a sentence, and a flow it may match")
    func table() {
        let names = FilterOperator.table.map(\.name)
        #expect(names.count == 32)
        #expect(Set(names).count == names.count)
        for row in FilterOperator.table {
            #expect(row.doc.hasSuffix("."))
            #expect(!row.kinds.isEmpty)
            #expect(FilterOperator.named(row.name)?.argument == row.argument)
        }
    }

    @Test(
        "connectives combine as logic does",
        arguments: [
            ("~q | ~s", true), ("~q & ~s", false), ("!~q", true), ("!~s", false), ("~q ~s", false), ("~s !~e", true),
            ("~q & ~s | ~http", true), ("~q & (~s | ~http )", false), ("~s | ~q ~e", false), ("!~q & !~e", true), ("!!~q", false),
        ])
    func logic(expression: String, matches: Bool) throws {
        #expect(try Filter(expression).matches(StubFlow.exchange) == matches)
    }

    @Test("a negated operator matches the flows it is not made for")
    func negatedKind() throws {
        #expect(try Filter("!~q").matches(StubFlow(.tcp)))
        #expect(try Filter("!~c 200").matches(StubFlow(.dns)))
    }

    @Test(
        "a line break ends neither a body's dot nor a URL's",
        arguments: [
            ("~b a.b", true), ("~bs a.b", true), ("~h x.y", false), ("~u c.d", false),
        ])
    func dots(expression: String, matches: Bool) throws {
        let flow = StubFlow.with {
            $0.responseContent = "a\nb".bytes
            $0.responseHeaderBlock = "x\ny".bytes
            $0.url = "c\nd"
        }
        #expect(try Filter(expression).matches(flow) == matches)
    }

    @Test("case is ignored unless the filter is made case-sensitive")
    func letterCase() throws {
        #expect(try Filter("~m GeT").matches(StubFlow.exchange))
        #expect(try !Filter("~m GeT", caseSensitive: true).matches(StubFlow.exchange))
        #expect(try Filter("~m GET", caseSensitive: true).matches(StubFlow.exchange))
    }

    @Test(
        "a filter says which bodies it needs",
        arguments: [
            ("~q", false, false), ("~bq a", true, false), ("~bs a", false, true), ("~b a", true, true),
            ("~q | !(~s & ~bs a)", false, true), ("~bq a ~bs b", true, true), ("~hq body", false, false),
        ])
    func needs(expression: String, request: Bool, response: Bool) throws {
        let filter = try Filter(expression)
        #expect(filter.needsRequestContent == request)
        #expect(filter.needsResponseContent == response)
    }
}

/// A flow made of answers.
struct StubFlow: FilterSubject {
    var filterKind: FlowKind
    var hasRequest = true
    var hasResponse = false
    var hasError = false
    var hasWebSocket = false
    var marked = ""
    var isReplay: String?
    var method: [UInt8]?
    var url: String?
    var hosts: [String] = []
    var statusCode: Int?
    var requestHeaderBlock: [UInt8]?
    var responseHeaderBlock: [UInt8]?
    var requestContentType: [UInt8]?
    var responseContentType: [UInt8]?
    var requestContent: [UInt8]?
    var responseContent: [UInt8]?
    var messages: [FilterMessage] = []
    var clientAddress: String?
    var serverAddress: String?
    var metadataText = ""
    var comment = ""

    init(_ kind: FlowKind, _ change: (inout StubFlow) -> Void = { _ in }) {
        filterKind = kind
        change(&self)
    }

    /// A finished HTTP exchange.
    static let exchange = StubFlow(.http) {
        $0.hasResponse = true
        $0.method = "GET".bytes
        $0.url = "http://example.com/path"
        $0.hosts = ["10.0.0.1", "example.com"]
        $0.statusCode = 200
        $0.requestHeaderBlock = "Host: example.com\r\nAccept: */*\r\n".bytes
        $0.responseHeaderBlock = "Date: today\r\nServer: nginx\r\n".bytes
        $0.requestContentType = "application/json".bytes
        $0.responseContentType = "text/plain".bytes
        $0.requestContent = "from client".bytes
        $0.responseContent = "from server".bytes
        $0.clientAddress = "127.0.0.1:5000"
        $0.serverAddress = "example.com:80"
    }

    static func with(_ change: (inout StubFlow) -> Void) -> StubFlow {
        var flow = exchange
        change(&flow)
        return flow
    }

    static func tunnel(_ kind: FlowKind, swapped: Bool = false) -> StubFlow {
        StubFlow(kind) {
            $0.messages = [
                FilterMessage(fromClient: !swapped, content: "ping".bytes),
                FilterMessage(fromClient: swapped, content: "pong".bytes),
            ]
        }
    }
}

extension String {
    fileprivate var bytes: [UInt8] { Array(utf8) }
}
