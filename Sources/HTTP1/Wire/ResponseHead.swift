import FlowModel

/// A status line and its field lines, octet for octet as they came or will go.
public struct ResponseHead: Hashable, Sendable {
    public var version: HTTPVersion
    /// 100 to 999.
    public var status: Int
    /// Often empty; whether the space before an empty reason was there is not kept, it is always written.
    public var reason: ByteString
    public var headers: Headers

    /// A head from its parts; nothing is checked: see `isFitForWire`.
    public init(version: HTTPVersion = .http11, status: Int, reason: ByteString = "", headers: Headers = Headers()) {
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
    }

    /// True when writing the head gives one well-formed head; to be asked after anybody outside the core changed it.
    public var isFitForWire: Bool {
        (100...999).contains(status) && reason.bytes.allSatisfy(\.isFieldValueCharacter) && headers.areFitForWire
    }
}
