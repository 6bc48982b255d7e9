/// What a flow may be marked with: nothing, one character, or the name of an emoji between colons, such as `:red_circle:`.
public enum Marker {
    /// What marks a flow if nothing is said.
    public static let standard = ":default:"

    /// Why a text is no marker; nil if it is one.
    public static func refusal(_ text: String) -> String? {
        if text.isEmpty { return nil }
        if text.count == 1 {
            let isControl = text.unicodeScalars.contains { $0.properties.generalCategory == .control }
            return isControl ? "a control character is no marker" : nil
        }
        let name = text.dropFirst().dropLast()
        let isName = name.utf8.allSatisfy { isNameOctet($0) }
        if text.hasPrefix(":"), text.hasSuffix(":"), !name.isEmpty, isName { return nil }
        return "expected one character or an emoji's name such as :red_circle:"
    }

    private static func isNameOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"): true
        default: octet >= 0x80
        }
    }
}
