import Glibc

/// A character encoding by the name that `charset=` gives it, converted by the C library.
struct CharacterSet {
    private enum Kind {
        case utf8, latin1
        /// A name for iconv.
        case named(String)
    }

    private let kind: Kind

    /// Knows the names of the C library, and `utf8`, `latin-1` and `ascii` in the ways they are written. Whether a name is one is
    /// found out when it is used.
    init(_ name: String) {
        switch name.lowercased().filter({ $0 != "-" && $0 != "_" }) {
        case "utf8": kind = .utf8
        case "latin1", "iso88591", "l1": kind = .latin1
        // GB 18030 holds both, and many pages claim less than they use.
        case "gb2312", "gbk": kind = .named("GB18030")
        default: kind = .named(name)
        }
    }

    /// The text of the octets; nil if they are no text in this encoding, or there is no such encoding.
    func decode(_ octets: [UInt8]) -> String? {
        switch kind {
        case .utf8: return String(validating: octets, as: UTF8.self)
        case .latin1: return Self.latin1(octets)
        case .named(let name): return Self.convert(octets, from: name, to: "UTF-8").map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// The octets of the text; nil if it has characters that this encoding lacks, or there is no such encoding.
    func encode(_ text: String) -> [UInt8]? {
        switch kind {
        case .utf8: return Array(text.utf8)
        case .latin1:
            if text.utf8.allSatisfy({ $0 < 0x80 }) { return Array(text.utf8) }
            var octets: [UInt8] = []
            for scalar in text.unicodeScalars {
                guard let octet = UInt8(exactly: scalar.value) else { return nil }
                octets.append(octet)
            }
            return octets
        case .named(let name): return Self.convert(Array(text.utf8), from: "UTF-8", to: name)
        }
    }

    /// Each octet as the character of its number, which every octet has.
    static func latin1(_ octets: [UInt8]) -> String {
        var utf8: [UInt8] = []
        utf8.reserveCapacity(octets.count)
        for octet in octets {
            if octet < 0x80 {
                utf8.append(octet)
            } else {
                utf8.append(0xC0 | octet >> 6)
                utf8.append(0x80 | octet & 0x3F)
            }
        }
        return String(decoding: utf8, as: UTF8.self)
    }

    private static func convert(_ octets: [UInt8], from: String, to: String) -> [UInt8]? {
        // A slash would be read as an instruction to iconv, and no name as that of the locale.
        for name in [from, to]
        where name.isEmpty || name.utf8.count > 40 || !name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }) {
            return nil
        }
        guard let converter = iconv_open(to, from), converter != iconv_t(bitPattern: -1) else { return nil }
        defer { iconv_close(converter) }
        var output: [UInt8] = []
        output.reserveCapacity(octets.count)
        var input = octets.map { CChar(bitPattern: $0) }
        let isWhole = input.withUnsafeMutableBufferPointer { input in
            var source = input.baseAddress
            var left = input.count
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
                // The last call, without input, writes what returns a stateful encoding to its beginning.
                for isFlush in [false, true] {
                    while isFlush || left > 0 {
                        var place = buffer.baseAddress
                        var room = buffer.count
                        let status =
                            isFlush ? iconv(converter, nil, nil, &place, &room) : iconv(converter, &source, &left, &place, &room)
                        let reason = errno
                        output.append(contentsOf: buffer[..<(buffer.count - room)].lazy.map { UInt8(bitPattern: $0) })
                        guard status == -1 else { break }
                        guard reason == E2BIG else { return false }
                    }
                }
                return true
            }
        }
        return isWhole ? output : nil
    }
}
