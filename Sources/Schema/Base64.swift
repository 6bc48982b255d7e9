/// RFC 4648 base 64 with padding: how a byte string that is not UTF-8 stands in JSON.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    public static func encode(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        output.reserveCapacity(output.count + (input.count + 2) / 3 * 4)
        alphabet.withUnsafeBufferPointer { alphabet in
            var index = 0
            while index < input.count {
                let left = input.count - index
                let first = input[index]
                let second = left > 1 ? input[index + 1] : 0
                let third = left > 2 ? input[index + 2] : 0
                output.append(alphabet[Int(first >> 2)])
                output.append(alphabet[Int((first & 3) << 4 | second >> 4)])
                output.append(left > 1 ? alphabet[Int((second & 15) << 2 | third >> 6)] : UInt8(ascii: "="))
                output.append(left > 2 ? alphabet[Int(third & 63)] : UInt8(ascii: "="))
                index += 3
            }
        }
    }

    public static func encode(_ input: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        input.withUnsafeBytes { encode($0, into: &output) }
        return output
    }

    /// As `decode`, in the alphabet for URLs and without padding (RFC 4648 5).
    public static func decodeURL(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(where: { "+/=".utf8.contains($0) }) else { return nil }
        let plain =
            text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 } + Array(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return decode(String(plain))
    }

    /// The bytes, or nil if the text is not canonical base 64: wrong alphabet, length, padding or stray bits.
    public static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { input in
            guard input.count % 4 == 0 else { return nil }
            var output: [UInt8] = []
            output.reserveCapacity(input.count / 4 * 3)
            var index = 0
            while index < input.count {
                let isLast = index + 4 == input.count
                var padding = 0
                if isLast, input[index + 3] == UInt8(ascii: "=") { padding = input[index + 2] == UInt8(ascii: "=") ? 2 : 1 }
                var group: UInt32 = 0
                for offset in 0..<4 {
                    let value = offset < 4 - padding ? values[Int(input[index + offset])] : 0
                    guard value != 0xFF else { return nil }
                    group = group << 6 | UInt32(value)
                }
                if padding == 2, group & 0xFFFF != 0 { return nil }
                if padding == 1, group & 0xFF != 0 { return nil }
                output.append(UInt8(truncatingIfNeeded: group >> 16))
                if padding < 2 { output.append(UInt8(truncatingIfNeeded: group >> 8)) }
                if padding < 1 { output.append(UInt8(truncatingIfNeeded: group)) }
                index += 4
            }
            return output
        }
    }
}
