/// One operator of the filter language: a row of `table`, which parser, evaluation and documentation share.
public struct FilterOperator: Sendable {
    /// What follows the operator's name.
    public enum Argument: String, Sendable {
        case none, regex, integer
    }

    /// A side whose whole body an operator reads.
    public struct Content: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        public static let request = Content(rawValue: 1)
        public static let response = Content(rawValue: 2)
    }

    enum Test: Sendable {
        case claim(@Sendable (any FilterSubject) -> Bool)
        case regex(RegularExpression.Options, @Sendable (any FilterSubject, RegularExpression) -> Bool)
        case integer(@Sendable (any FilterSubject, Int) -> Bool)
    }

    /// The name, as written after `~`.
    public let name: String

    /// What it matches, in one sentence.
    public let doc: String

    /// The flows it may match; it matches no other.
    public let kinds: [FlowKind]

    /// The bodies it reads.
    public let content: Content

    let test: Test

    /// What must follow the name.
    public var argument: Argument {
        switch test {
        case .claim: .none
        case .regex: .regex
        case .integer: .integer
        }
    }

    private init(_ name: String, _ doc: String, _ kinds: [FlowKind], _ test: Test, reads content: Content = []) {
        self.name = name
        self.doc = doc
        self.kinds = kinds
        self.content = content
        self.test = test
    }

    /// Finds the operator with this name.
    public static func named(_ name: some StringProtocol) -> FilterOperator? {
        table.first { $0.name == name }
    }

    private static let any = FlowKind.allCases
    private static let messages: [FlowKind] = [.http, .dns]

    /// The operator of a pattern that stands alone.
    public static let bare = FilterOperator(
        "u", "The URL; for DNS the first question's name.", messages, .regex([]) { $1.matches(any: $0.url) })

    /// Every operator there is.
    public static let table: [FilterOperator] = [
        // Without an argument.
        .init("all", "Any flow.", any, .claim { _ in true }),
        .init("http", "HTTP flows, WebSockets included.", [.http], .claim { _ in true }),
        .init("tcp", "TCP flows.", [.tcp], .claim { _ in true }),
        .init("udp", "UDP flows.", [.udp], .claim { _ in true }),
        .init("dns", "DNS flows.", [.dns], .claim { _ in true }),
        .init("websocket", "HTTP flows that became a WebSocket.", [.http], .claim { $0.hasWebSocket }),
        .init("q", "HTTP and DNS flows that have no response yet.", messages, .claim { !$0.hasResponse }),
        .init("s", "HTTP and DNS flows that have a response.", messages, .claim { $0.hasResponse }),
        .init("e", "Flows that ended in an error.", any, .claim { $0.hasError }),
        .init("a", "Responses whose content type is a style sheet, script, image or font.", [.http], .claim { isAsset($0) }),
        .init("marked", "Flows that carry a marker.", any, .claim { !$0.marked.isEmpty }),
        .init("replay", "Replayed flows.", any, .claim { $0.isReplay != nil }),
        .init("replayq", "Flows whose request was replayed.", any, .claim { $0.isReplay == "request" }),
        .init("replays", "Flows whose response was replayed.", any, .claim { $0.isReplay == "response" }),

        // With a regular expression.
        bare,
        .init("d", "The host of the request.", [.http], .regex([]) { $0.hosts.contains(where: $1.matches) }),
        .init("m", "The method of the request.", [.http], .regex([]) { $1.matches(any: $0.method) }),
        .init(
            "h", "A header line, \"Name: value\", of either side.", [.http],
            .regex(.multiline) { $1.matches(any: $0.requestHeaderBlock) || $1.matches(any: $0.responseHeaderBlock) }),
        .init(
            "hq", "A header line of the request.", [.http],
            .regex(.multiline) { $1.matches(any: $0.requestHeaderBlock) }),
        .init(
            "hs", "A header line of the response.", [.http],
            .regex(.multiline) { $1.matches(any: $0.responseHeaderBlock) }),
        .init(
            "b", "A decoded body or a message of either side.", any,
            .regex(.dotAll) { requestBody($0, $1) || responseBody($0, $1) }, reads: [.request, .response]),
        .init(
            "bq", "The decoded body of the request, or a message of the client.", any,
            .regex(.dotAll) { requestBody($0, $1) }, reads: .request),
        .init(
            "bs", "The decoded body of the response, or a message of the server.", any,
            .regex(.dotAll) { responseBody($0, $1) }, reads: .response),
        .init(
            "t", "The content type of either side.", [.http],
            .regex([]) { $1.matches(any: $0.requestContentType) || $1.matches(any: $0.responseContentType) }),
        .init("tq", "The content type of the request.", [.http], .regex([]) { $1.matches(any: $0.requestContentType) }),
        .init("ts", "The content type of the response.", [.http], .regex([]) { $1.matches(any: $0.responseContentType) }),
        .init("src", "The client's address, \"ip:port\".", any, .regex([]) { $1.matches(any: $0.clientAddress) }),
        .init("dst", "The server's address, \"host:port\".", any, .regex([]) { $1.matches(any: $0.serverAddress) }),
        .init("meta", "The metadata's \"key: value\" lines.", any, .regex(.multiline) { $1.matches($0.metadataText) }),
        .init("marker", "The marker; empty for flows that have none.", any, .regex([]) { $1.matches($0.marked) }),
        .init("comment", "The comment; empty for flows that have none.", any, .regex(.multiline) { $1.matches($0.comment) }),

        // With an integer.
        .init("c", "The status code of the response.", [.http], .integer { $0.statusCode == $1 }),
    ]

    /// What is searched for, case and all, in the content type of an asset.
    private static let assets = [
        "text/javascript", "application/x-javascript", "application/javascript", "text/css", "image/", "font/",
        "application/font",
    ].map { Array($0.utf8) }

    private static func isAsset(_ subject: any FilterSubject) -> Bool {
        guard let type = subject.responseContentType else { return false }
        return assets.contains { type.contains($0) }
    }

    private static func requestBody(_ subject: any FilterSubject, _ regex: RegularExpression) -> Bool {
        regex.matches(any: subject.requestContent) || subject.messages.contains { $0.fromClient && regex.matches($0.content) }
    }

    private static func responseBody(_ subject: any FilterSubject, _ regex: RegularExpression) -> Bool {
        regex.matches(any: subject.responseContent) || subject.messages.contains { !$0.fromClient && regex.matches($0.content) }
    }
}

extension RegularExpression {
    fileprivate func matches(any bytes: [UInt8]?) -> Bool {
        bytes.map { matches($0) } ?? false
    }

    fileprivate func matches(any text: String?) -> Bool {
        text.map { matches($0) } ?? false
    }
}
