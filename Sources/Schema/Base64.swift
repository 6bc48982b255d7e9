/// RFC 4648 base 64 with padding: how a byte string that is not UTF-8 stands in JSON.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// Characters that so many bytes become.
    static func length(of count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Writes the characters, of which there are `length(of:)`, and returns their number.
    static func encode(_ input: UnsafeRawBufferPointer, to output: UnsafeMutableRawPointer) -> Int {
        alphabet.withUnsafeBufferPointer { alphabet in
            let output = UnsafeMutableRawBufferPointer(start: output, count: length(of: input.count))
            var (index, place) = (0, 0)
            while index < input.count {
                let left = input.count - index
                let first = input[index]
                let second = left > 1 ? input[index + 1] : 0
                let third = left > 2 ? input[index + 2] : 0
                output[place] = alphabet[Int(first >> 2)]
                output[place + 1] = alphabet[Int((first & 3) << 4 | second >> 4)]
                output[place + 2] = left > 1 ? alphabet[Int((second & 15) << 2 | third >> 6)] : UInt8(ascii: "=")
                output[place + 3] = left > 2 ? alphabet[Int(third & 63)] : UInt8(ascii: "=")
                index += 3
                place += 4
            }
            return place
        }
    }

    public static func encode(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: length(of: input.count)))
        output.withUnsafeMutableBytes { output in
            guard let base = output.baseAddress else { return }
            _ = encode(input, to: base + start)
        }
    }

    public static func encode(_ input: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: length(of: input.count)) { output, count in
            // Nil only where there is nothing to be written.
            guard let start = output.baseAddress else { return }
            count = input.withUnsafeBytes { encode($0, to: UnsafeMutableRawPointer(start)) }
        }
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
            // Taken once: a static value is asked for each time whether it is there already.
            values.withUnsafeBufferPointer { decode(input, $0) }
        }
    }

    private static func decode(_ input: UnsafeBufferPointer<UInt8>, _ values: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard input.count % 4 == 0 else { return nil }
        var isCanonical = true
        let output = [UInt8](unsafeUninitializedCapacity: input.count / 4 * 3) { output, count in
            var index = 0
            while index < input.count {
                let isLast = index + 4 == input.count
                var padding = 0
                if isLast, input[index + 3] == UInt8(ascii: "=") { padding = input[index + 2] == UInt8(ascii: "=") ? 2 : 1 }
                let first = values[Int(input[index])]
                let second = values[Int(input[index + 1])]
                let third = padding > 1 ? 0 : values[Int(input[index + 2])]
                let fourth = padding > 0 ? 0 : values[Int(input[index + 3])]
                // Values have six bits; what is none has all eight.
                guard (first | second | third | fourth) < 64 else { return isCanonical = false }
                let group = UInt32(first) << 18 | UInt32(second) << 12 | UInt32(third) << 6 | UInt32(fourth)
                if padding == 2, group & 0xFFFF != 0 { return isCanonical = false }
                if padding == 1, group & 0xFF != 0 { return isCanonical = false }
                output[count] = UInt8(truncatingIfNeeded: group >> 16)
                if padding < 2 { output[count + 1] = UInt8(truncatingIfNeeded: group >> 8) }
                if padding < 1 { output[count + 2] = UInt8(truncatingIfNeeded: group) }
                count += 3 - padding
                index += 4
            }
        }
        return isCanonical ? output : nil
    }
}
