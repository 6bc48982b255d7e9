import FlowModel

/// One member of `Sec-WebSocket-Extensions` (RFC 6455, 9.1).
struct ExtensionMember: Equatable {
    var name: String
    var parameters: [Parameter]
    /// As it stood in the field, without the white space around it.
    var text: ByteString

    struct Parameter: Equatable {
        var name: String
        /// Without quotes; nil if it has none.
        var value: String?
    }

    /// The members of one field's value; nil if it is not a list of extensions.
    static func list(_ value: ByteString) -> [ExtensionMember]? {
        var members: [ExtensionMember] = []
        for text in split(value.bytes[...], at: UInt8(ascii: ",")) {
            let text = trimmed(text)
            // RFC 9110, 5.6.1: empty members are skipped.
            if text.isEmpty { continue }
            var parts = split(text, at: UInt8(ascii: ";")).map(trimmed)[...]
            guard let name = token(parts.removeFirst()) else { return nil }
            var parameters: [Parameter] = []
            for part in parts {
                guard let parameter = parameter(part) else { return nil }
                parameters.append(parameter)
            }
            members.append(ExtensionMember(name: name, parameters: parameters, text: ByteString(text)))
        }
        return members
    }

    private static func parameter(_ text: ArraySlice<UInt8>) -> Parameter? {
        guard let sign = text.firstIndex(of: UInt8(ascii: "=")) else {
            return token(text).map { Parameter(name: $0, value: nil) }
        }
        guard let name = token(trimmed(text[..<sign])) else { return nil }
        var value = trimmed(text[(sign + 1)...])
        if value.first == UInt8(ascii: "\"") {
            guard value.count >= 2, value.last == UInt8(ascii: "\"") else { return nil }
            value = value.dropFirst().dropLast()
            // What is quoted must be a token once it is unquoted.
            value = value.filter { $0 != UInt8(ascii: "\\") }[...]
        }
        return token(value).map { Parameter(name: name, value: $0) }
    }

    /// In small letters: names are compared without regard to case.
    private static func token(_ text: ArraySlice<UInt8>) -> String? {
        guard !text.isEmpty, text.allSatisfy(\.isTokenCharacter) else { return nil }
        return String(decoding: text.map(\.asciiLowercased), as: UTF8.self)
    }

    /// Cuts outside of quotes.
    private static func split(_ text: ArraySlice<UInt8>, at separator: UInt8) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var start = text.startIndex
        var isQuoted = false
        for index in text.indices {
            if text[index] == UInt8(ascii: "\"") { isQuoted.toggle() }
            guard text[index] == separator, !isQuoted else { continue }
            parts.append(text[start..<index])
            start = index + 1
        }
        parts.append(text[start...])
        return parts
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let first = text.firstIndex(where: { !$0.isOptionalWhitespace }),
            let last = text.lastIndex(where: { !$0.isOptionalWhitespace })
        else { return [] }
        return text[first...last]
    }
}
