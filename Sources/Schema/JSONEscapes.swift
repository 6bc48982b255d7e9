/// The escapes in JSON's strings (RFC 8259 7).
enum JSONEscapes {
    /// What the escape, or the two of a surrogate pair, stands for at whose backslash `index` stands; then it stands behind it.
    static func scalar(in text: UnsafeRawBufferPointer, at index: inout Int) throws(JSONFailure) -> Unicode.Scalar {
        let character: UInt8
        switch byte(index + 1, text) {
        case UInt8(ascii: "u"): return try escapedScalar(text, &index)
        case UInt8(ascii: "b"): character = 0x08
        case UInt8(ascii: "f"): character = 0x0C
        case UInt8(ascii: "n"): character = 0x0A
        case UInt8(ascii: "r"): character = 0x0D
        case UInt8(ascii: "t"): character = 0x09
        case let byte? where byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "/"):
            character = byte
        default: throw JSONFailure("unknown escape", at: index)
        }
        index += 2
        return Unicode.Scalar(character)
    }

    /// The UTF-8 of a string that was read before, so that its escapes are known to be right.
    static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        var decoded = [UInt8](repeating: 0, count: text.count)
        var count = 0
        decoded.withUnsafeMutableBytes { bytes in
            var index = 0
            while index < text.count {
                // Most are far from each other.
                while index + 8 <= text.count {
                    let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let marks = word ^ 0x5C5C_5C5C_5C5C_5C5C
                    guard (marks &- 0x0101_0101_0101_0101) & ~marks & 0x8080_8080_8080_8080 == 0 else { break }
                    bytes.storeBytes(of: word, toByteOffset: count, as: UInt64.self)
                    (index, count) = (index + 8, count + 8)
                }
                while index < text.count, text[index] != UInt8(ascii: "\\") {
                    bytes[count] = text[index]
                    (index, count) = (index + 1, count + 1)
                }
                guard index < text.count, let scalar = try? scalar(in: text, at: &index) else { break }
                for unit in scalar.utf8 {
                    bytes[count] = unit
                    count += 1
                }
            }
        }
        decoded.removeLast(text.count - count)
        return decoded
    }

    private static func escapedScalar(_ text: UnsafeRawBufferPointer, _ index: inout Int) throws(JSONFailure) -> Unicode.Scalar {
        let first = try codeUnit(text, &index)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, byte(index, text) == UInt8(ascii: "\\"), byte(index + 1, text) == UInt8(ascii: "u") else {
            throw JSONFailure("lone surrogate", at: index)
        }
        let second = try codeUnit(text, &index)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw JSONFailure("lone surrogate", at: index) }
        return scalar
    }

    /// The four hexadecimal digits behind `\u`, as a UTF-16 code unit.
    private static func codeUnit(_ text: UnsafeRawBufferPointer, _ index: inout Int) throws(JSONFailure) -> UInt32 {
        var unit: UInt32 = 0
        for offset in 2..<6 {
            guard let digit = byte(index + offset, text).flatMap({ Character(UnicodeScalar($0)).hexDigitValue }) else {
                throw JSONFailure("bad \\u escape", at: index)
            }
            unit = unit << 4 | UInt32(digit)
        }
        index += 6
        return unit
    }

    @inline(__always)
    private static func byte(_ index: Int, _ text: UnsafeRawBufferPointer) -> UInt8? { index < text.count ? text[index] : nil }
}
