import FlowModel

/// One `Set-Cookie` field (RFC 6265 5.2): the cookie, and its attributes as they stand.
struct SetCookie {
    let name: ByteString
    let value: ByteString
    private let attributes: [(name: String, value: ByteString)]

    /// Nil if there is no name.
    init?(_ field: ByteString) {
        var pairs = field.bytes.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map { part in
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            return (
                name: Self.trimmed(name), value: Self.trimmed(part.dropFirst(name.count + 1)), isPair: name.count < part.count
            )
        }
        let cookie = pairs.removeFirst()
        guard cookie.isPair, !cookie.name.isEmpty else { return nil }
        (name, value) = (cookie.name, cookie.value)
        attributes = pairs.map { ($0.name.string.lowercased(), $0.value) }
    }

    /// The last attribute of that name, in small letters; nil if there is none or it is empty.
    subscript(_ name: String) -> ByteString? {
        attributes.last { $0.name == name && !$0.value.isEmpty }?.value
    }

    /// When the cookie ends, in seconds since 1970: `Max-Age` counts before `Expires`. Nil if it says nothing of it.
    func expiry(at now: Double) -> Double? {
        if let age = self["max-age"].flatMap({ Int($0.string) }) { return now + Double(age) }
        return self["expires"].flatMap { HTTPDate.read($0.string) }
    }

    private static func trimmed(_ octets: ArraySlice<UInt8>) -> ByteString {
        var octets = octets.drop(while: \.isOptionalWhitespace)
        while let last = octets.last, last.isOptionalWhitespace { octets.removeLast() }
        return ByteString(octets)
    }
}
