/// What the steps do with a dictionary. Names are those of the format's past, which no table has any more.
extension SavedDict {
    /// Takes a member out; refuses if it is not there.
    mutating func take(_ name: String) throws(ConversionFailure) -> SavedValue {
        guard let value = self[name] else { throw ConversionFailure("'\(name)' is missing") }
        self[name] = nil
        return value
    }

    mutating func rename(_ old: String, to new: String) throws(ConversionFailure) { self[new] = try take(old) }

    /// Edits the dictionary that a member is; null is left alone.
    mutating func edit(_ name: String, _ body: (inout SavedDict) throws(ConversionFailure) -> Void) throws(ConversionFailure) {
        guard let value = self[name] else { throw ConversionFailure("'\(name)' is missing") }
        if value == .null { return }
        guard var dict = value.dict else { throw ConversionFailure("'\(name)' is not a dictionary") }
        do throws(ConversionFailure) { try body(&dict) } catch { throw ConversionFailure("in '\(name)', \(error)") }
        self[name] = .dict(dict)
    }

    /// As `edit`; if the member is not there, nothing is done.
    mutating func editIfPresent(_ name: String, _ body: (inout SavedDict) throws(ConversionFailure) -> Void)
        throws(ConversionFailure)
    {
        if self[name] != nil { try edit(name, body) }
    }

    /// Both connections, and the upstream proxy's, which up to format 18 was one of the server's members.
    mutating func editConnections(_ body: (inout SavedDict) throws(ConversionFailure) -> Void) throws(ConversionFailure) {
        try edit("client_conn", body)
        try editServers(body)
    }

    mutating func editServers(_ body: (inout SavedDict) throws(ConversionFailure) -> Void) throws(ConversionFailure) {
        try edit("server_conn") { (server) throws(ConversionFailure) in
            try body(&server)
            if server["via"]?.isEmpty == false { try server.edit("via", body) }
        }
    }
}

extension SavedValue {
    /// Bytes as text: those that are no `encoding` become `\xNN`, as Python's backslashreplace has it.
    func unescapedText(asciiOnly: Bool) -> SavedValue {
        guard case .bytes(let bytes) = self else { return self }
        if let text = String(validating: bytes, as: UTF8.self), !asciiOnly || bytes.allSatisfy({ $0 < 0x80 }) {
            return .text(text)
        }
        let text = bytes.map { byte in
            byte < 0x80 ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
        }
        return .text(text.joined())
    }
}
