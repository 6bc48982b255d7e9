import FlowModel

/// A request line and its field lines, octet for octet as they came or will go.
public struct RequestHead: Hashable, Sendable {
    public var method: ByteString
    public var target: ByteString
    public var version: HTTPVersion
    public var headers: Headers

    /// A head from its parts; nothing is checked: see `isFitForWire`.
    public init(method: ByteString, target: ByteString, version: HTTPVersion = .http11, headers: Headers = Headers()) {
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
    }

    /// True when writing the head gives one well-formed head; to be asked after anybody outside the core changed it.
    public var isFitForWire: Bool {
        Headers.isName(method) && !target.isEmpty && target.bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F } && headers.areFitForWire
    }
}

extension Headers {
    /// True when every name is a token and no value holds a control character, so that no line can turn into two.
    public var areFitForWire: Bool {
        indices.allSatisfy { index in
            withLine(at: index) { name, value in
                !name.isEmpty && name.allSatisfy(\.isTokenCharacter) && value.allSatisfy(\.isFieldValueCharacter)
            }
        }
    }
}
