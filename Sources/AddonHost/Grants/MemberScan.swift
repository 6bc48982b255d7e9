import Schema

/// Finds the values of members in JSON text (RFC 8259), without changing or copying the text.
///
/// It must not be laxer than any reader behind the proxy in what it takes for a member: text that is not exactly JSON is not looked into,
/// and its caller hides it whole. Numbers may be of any size, names may come twice.
struct MemberScan {
    private static let maximumDepth = 200

    private let text: [UInt8]
    private let names: Set<[UInt8]>
    private let pointers: Set<[[UInt8]]>
    private var index = 0
    private var path: [[UInt8]] = []
    private var found: [HiddenRange] = []

    private struct NoJSON: Error {}

    /// The values of members of these names, and at these places, in their order; nil if the text is no JSON.
    static func values(of names: Set<[UInt8]>, at pointers: Set<[[UInt8]]>, in text: [UInt8]) -> [HiddenRange]? {
        guard text.withUnsafeBytes(UTF8Check.isValid) else { return nil }
        var scan = MemberScan(text: text, names: names, pointers: pointers)
        return try? scan.run()
    }

    private init(text: [UInt8], names: Set<[UInt8]>, pointers: Set<[[UInt8]]>) {
        (self.text, self.names, self.pointers) = (text, names, pointers)
    }

    private mutating func run() throws(NoJSON) -> [HiddenRange] {
        // A byte order mark: not JSON, but many readers skip it.
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        try value(isHidden: pointers.contains([]))
        skipSpace()
        guard index == text.count else { throw NoJSON() }
        return found
    }

    /// Scans one value; one that is hidden is not looked into further.
    private mutating func value(isHidden: Bool) throws(NoJSON) {
        skipSpace()
        let start = index
        let before = found.count
        let byte = try next()
        switch byte {
        case UInt8(ascii: "{"): try object()
        case UInt8(ascii: "["): try array()
        case UInt8(ascii: "\""):
            let range = try string()
            if isHidden { found.append(HiddenRange(range: range)) }
            return
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: try number()
        }
        guard isHidden else { return }
        found.removeSubrange(before...)
        found.append(HiddenRange(range: start..<index, takesQuotes: true))
    }

    private mutating func object() throws(NoJSON) {
        guard path.count < Self.maximumDepth else { throw NoJSON() }
        index += 1
        skipSpace()
        if try next() == UInt8(ascii: "}") { return index += 1 }
        while true {
            skipSpace()
            guard try next() == UInt8(ascii: "\"") else { throw NoJSON() }
            let name = try unescaped(string())
            skipSpace()
            try take(UInt8(ascii: ":"))
            path.append(name)
            try value(isHidden: names.contains(name) || pointers.contains(path))
            path.removeLast()
            skipSpace()
            if try next() == UInt8(ascii: "}") { return index += 1 }
            try take(UInt8(ascii: ","))
        }
    }

    private mutating func array() throws(NoJSON) {
        guard path.count < Self.maximumDepth else { throw NoJSON() }
        index += 1
        skipSpace()
        if try next() == UInt8(ascii: "]") { return index += 1 }
        var position = 0
        while true {
            path.append(pointers.isEmpty ? [] : Array(String(position).utf8))
            try value(isHidden: pointers.contains(path))
            path.removeLast()
            position += 1
            skipSpace()
            if try next() == UInt8(ascii: "]") { return index += 1 }
            try take(UInt8(ascii: ","))
        }
    }

    /// The range between the quotes.
    private mutating func string() throws(NoJSON) -> Range<Int> {
        index += 1
        let start = index
        while true {
            let byte = try next()
            guard byte >= 0x20 else { throw NoJSON() }
            index += 1
            if byte == UInt8(ascii: "\"") { return start..<index - 1 }
            guard byte == UInt8(ascii: "\\") else { continue }
            guard #""\/bfnrtu"#.utf8.contains(try next()) else { throw NoJSON() }
            index += 1
        }
    }

    private func unescaped(_ range: Range<Int>) throws(NoJSON) -> [UInt8] {
        let raw = text[range]
        guard raw.contains(UInt8(ascii: "\\")) else { return Array(raw) }
        guard let json = try? JSONReader().read(Array("[\"".utf8) + raw + Array("\"]".utf8)), let name = json.array?.first?.string
        else { throw NoJSON() }
        return Array(name.utf8)
    }

    private mutating func literal(_ word: StaticString) throws(NoJSON) {
        let end = index + word.utf8CodeUnitCount
        guard end <= text.count, text[index..<end].elementsEqual(word.description.utf8) else { throw NoJSON() }
        index = end
    }

    private mutating func number() throws(NoJSON) {
        if try next() == UInt8(ascii: "-") { index += 1 }
        let start = index
        try digits()
        if text[start] == UInt8(ascii: "0"), index > start + 1 { throw NoJSON() }
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            try digits()
        }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if try next() == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") { index += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(NoJSON) {
        let start = index
        while index < text.count, (0x30...0x39).contains(text[index]) { index += 1 }
        guard index > start else { throw NoJSON() }
    }

    private mutating func skipSpace() {
        while index < text.count, text[index] == 0x20 || (0x09...0x0A).contains(text[index]) || text[index] == 0x0D { index += 1 }
    }

    private mutating func take(_ byte: UInt8) throws(NoJSON) {
        guard try next() == byte else { throw NoJSON() }
        index += 1
    }

    private func next() throws(NoJSON) -> UInt8 {
        guard index < text.count else { throw NoJSON() }
        return text[index]
    }
}
