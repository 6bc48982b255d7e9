/// Finds the values of named parameters in URLs and of named fields in forms: `name=value` between separators.
///
/// Names are compared without their percent-encoding. A value ends at `&` or `#` alone, whatever else it holds: rather too much is
/// hidden than too little.
enum PairScan {
    /// The values in a URL, or in a text that holds one: names follow `?`, `&`, `;` or `#`.
    static func parameters(_ names: Set<[UInt8]>, in text: [UInt8]) -> [HiddenRange] { scan(text, names, from: nil) }

    /// The values in a form: the first name stands at the beginning.
    static func fields(_ names: Set<[UInt8]>, in text: [UInt8]) -> [HiddenRange] { scan(text, names, from: 0) }

    private static func scan(_ text: [UInt8], _ names: Set<[UInt8]>, from start: Int?) -> [HiddenRange] {
        guard !names.isEmpty else { return [] }
        var found: [HiddenRange] = []
        var nameStart = start
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "?"), UInt8(ascii: "&"), UInt8(ascii: ";"), UInt8(ascii: "#"), 0x0A: nameStart = index + 1
            case UInt8(ascii: "="):
                guard let begin = nameStart else { break }
                nameStart = nil
                guard names.contains(decoded(text[begin..<index])) else { break }
                let end = text[index...].firstIndex { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: "#") } ?? text.count
                found.append(HiddenRange(range: index + 1..<end))
                index = end
                continue
            default: break
            }
            index += 1
        }
        return found
    }

    private static func decoded(_ name: ArraySlice<UInt8>) -> [UInt8] {
        guard name.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return Array(name) }
        var result: [UInt8] = []
        var rest = name
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.first?.hexValue, let low = rest.dropFirst().first?.hexValue {
                result.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return result
    }
}

extension UInt8 {
    fileprivate var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
