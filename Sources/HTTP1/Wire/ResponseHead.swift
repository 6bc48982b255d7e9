import FlowModel

/// A status line and its field lines, octet for octet as they came or will go.
package struct ResponseHead: Hashable, Sendable {
    package var version: HTTPVersion
    /// 100 to 999.
    package var status: Int
    /// Often empty; whether the space before an empty reason was there is not kept, it is always written.
    package var reason: ByteString
    package var headers: Headers

    /// A head from its parts; nothing is checked: see `isFitForWire`.
    package init(version: HTTPVersion = .http11, status: Int, reason: ByteString = "", headers: Headers = Headers()) {
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
    }

    /// True when writing the head gives one well-formed head; to be asked after anybody outside the core changed it.
    package var isFitForWire: Bool {
        (100...999).contains(status) && reason.bytes.allSatisfy(\.isFieldValueCharacter) && headers.areFitForWire
    }
}
