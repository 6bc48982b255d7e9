/// What a filter may ask of a flow. A flow conforms to it; every answer should be cheap, because one is asked for only when an
/// operator needs it. `nil` stands for "there is none", which no operator matches.
public protocol FilterSubject {
    /// The protocol family; many operators match one family only.
    var filterKind: FlowKind { get }

    /// Whether a request was received (HTTP, DNS).
    var hasRequest: Bool { get }

    /// Whether a response exists (HTTP, DNS).
    var hasResponse: Bool { get }

    /// Whether the flow ended in an error.
    var hasError: Bool { get }

    /// Whether the flow is an HTTP flow that became a WebSocket.
    var hasWebSocket: Bool { get }

    /// The marker, empty for a flow that is not marked.
    var marked: String { get }

    /// `"request"` or `"response"` for a replayed flow.
    var isReplay: String? { get }

    /// The request method, as received.
    var method: [UInt8]? { get }

    /// The URL for people, with the name of the `Host` header; for DNS the name of the first question.
    var url: String? { get }

    /// The host the request goes to and the one the `Host` header names; duplicates do no harm.
    var hosts: [String] { get }

    /// The status code of the response.
    var statusCode: Int? { get }

    /// The request's header, one `Name: value` line per field, each ended by CRLF.
    var requestHeaderBlock: [UInt8]? { get }

    /// The response's header, one `Name: value` line per field, each ended by CRLF.
    var responseHeaderBlock: [UInt8]? { get }

    /// The value of the request's `Content-Type`; values of several such fields joined with a line feed.
    var requestContentType: [UInt8]? { get }

    /// The value of the response's `Content-Type`; values of several such fields joined with a line feed.
    var responseContentType: [UInt8]? { get }

    /// The request's body without content codings, or as received where decoding fails; for DNS the message as text.
    var requestContent: [UInt8]? { get }

    /// The response's body without content codings, or as received where decoding fails; for DNS the message as text.
    var responseContent: [UInt8]? { get }

    /// The messages of a WebSocket, TCP or UDP flow, oldest first.
    var messages: [FilterMessage] { get }

    /// The client's address, `ip:port`.
    var clientAddress: String? { get }

    /// The server's address, `host:port`, as asked for rather than as resolved.
    var serverAddress: String? { get }

    /// The metadata, one `key: value` line per entry, joined with a line feed.
    var metadataText: String { get }

    /// The operator's comment, empty when there is none.
    var comment: String { get }
}

/// One message of a WebSocket, TCP or UDP flow, as a filter sees it.
public struct FilterMessage: Sendable {
    /// Whether the client sent it.
    public let fromClient: Bool

    /// The payload.
    public let content: [UInt8]

    public init(fromClient: Bool, content: [UInt8]) {
        self.fromClient = fromClient
        self.content = content
    }
}
