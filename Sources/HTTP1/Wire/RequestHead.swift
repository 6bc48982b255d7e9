import FlowModel

/// A request line and its field lines, octet for octet as they came or will go.
package struct RequestHead: Hashable, Sendable {
    package var method: ByteString
    package var target: ByteString
    package var version: HTTPVersion
    package var headers: Headers

    /// A head from its parts; nothing is checked: see `isFitForWire`.
    package init(method: ByteString, target: ByteString, version: HTTPVersion = .http11, headers: Headers = Headers()) {
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
    }

    /// True when writing the head gives one well-formed head; to be asked after anybody outside the core changed it.
    package var isFitForWire: Bool {
        Headers.isName(method) && !target.isEmpty && target.bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F } && headers.areFitForWire
    }
}

extension Headers {
    /// True when every name is a token and no value holds a control character, so that no line can turn into two.
    package var areFitForWire: Bool {
        indices.allSatisfy { index in
            withLine(at: index) { name, value in
                !name.isEmpty && name.allSatisfy(\.isTokenCharacter) && value.allSatisfy(\.isFieldValueCharacter)
            }
        }
    }
}
