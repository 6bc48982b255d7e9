/// Why a line is no JSON, and at which of its octets.
public struct JSONFailure: Error, CustomStringConvertible {
    public let what: String
    public let offset: Int
    public var description: String { "no JSON: \(what) at octet \(offset)" }
}

extension JSON {
    /// Reads one value, with white space around it and nothing else.
    public init(_ text: some Sequence<UInt8>) throws(JSONFailure) {
        let octets = ContiguousArray(text)
        let result = octets.withUnsafeBufferPointer { buffer in Result { () throws(JSONFailure) in try JSON(buffer) } }
        self = try result.get()
    }

    init(_ text: UnsafeBufferPointer<UInt8>) throws(JSONFailure) {
        var reader = JSONReader(text: text)
        self = try reader.value(depth: 0)
        reader.skip()
        guard reader.at == text.count else { throw reader.failure("something follows the value") }
    }
}

struct JSONReader {
    let text: UnsafeBufferPointer<UInt8>
    var at = 0

    func failure(_ what: String) -> JSONFailure { JSONFailure(what: what, offset: at) }

    private var next: UInt8 { at < text.count ? text[at] : 0 }

    mutating func skip() { while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { at += 1 } }

    mutating func value(depth: Int) throws(JSONFailure) -> JSON {
        guard depth < 130 else { throw failure("nested too deep") }
        skip()
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth))
        case UInt8(ascii: "["): return .array(try array(depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(_ depth: Int) throws(JSONFailure) -> [JSON.Member] {
        var members: [JSON.Member] = []
        try list(end: UInt8(ascii: "}")) { reader throws(JSONFailure) in
            reader.skip()
            guard reader.next == UInt8(ascii: "\"") else { throw reader.failure("a member's name is missing") }
            let name = try reader.string()
            reader.skip()
            guard reader.next == UInt8(ascii: ":") else { throw reader.failure("a colon is missing") }
            reader.at += 1
            members.append(JSON.Member(name, try reader.value(depth: depth + 1)))
        }
        return members
    }

    private mutating func array(_ depth: Int) throws(JSONFailure) -> [JSON] {
        var values: [JSON] = []
        try list(end: UInt8(ascii: "]")) { reader throws(JSONFailure) in values.append(try reader.value(depth: depth + 1)) }
        return values
    }

    private mutating func list(end: UInt8, _ element: (inout Self) throws(JSONFailure) -> Void) throws(JSONFailure) {
        at += 1
        skip()
        guard next != end else { return at += 1 }
        while true {
            try element(&self)
            skip()
            defer { at += 1 }
            if next == end { return }
            guard next == UInt8(ascii: ",") else { throw failure("neither a comma nor the end of a list") }
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONFailure) -> JSON {
        let count = word.utf8CodeUnitCount
        guard text.count - at >= count,
            text[at..<at + count].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: count))
        else { throw failure("an unknown word") }
        at += count
        return value
    }

    private mutating func number() throws(JSONFailure) -> JSON {
        let start = at
        var isInteger = true
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): isInteger = false
            default:
                return try made(start, isInteger)
            }
            at += 1
        }
        return try made(start, isInteger)
    }

    private func made(_ start: Int, _ isInteger: Bool) throws(JSONFailure) -> JSON {
        let digits = String(decoding: text[start..<at], as: UTF8.self)
        if isInteger, let number = Int(digits) { return .integer(number) }
        guard let number = Double(digits), number.isFinite else { throw failure("no value") }
        return .number(number)
    }

    private mutating func string() throws(JSONFailure) -> String {
        at += 1
        let start = at
        while next != UInt8(ascii: "\""), next != UInt8(ascii: "\\") {
            guard at < text.count else { throw failure("a string has no end") }
            at += 1
        }
        if next == UInt8(ascii: "\"") {
            at += 1
            return String(decoding: UnsafeBufferPointer(rebasing: text[start..<at - 1]), as: UTF8.self)
        }
        var octets = [UInt8](text[start..<at])
        while next != UInt8(ascii: "\"") {
            guard at < text.count else { throw failure("a string has no end") }
            if next == UInt8(ascii: "\\") {
                try escape(into: &octets)
            } else {
                octets.append(next)
                at += 1
            }
        }
        at += 1
        return String(decoding: octets, as: UTF8.self)
    }

    private mutating func escape(into octets: inout [UInt8]) throws(JSONFailure) {
        at += 2
        guard at <= text.count else { throw failure("a string has no end") }
        switch text[at - 1] {
        case UInt8(ascii: "n"): octets.append(0x0A)
        case UInt8(ascii: "t"): octets.append(0x09)
        case UInt8(ascii: "r"): octets.append(0x0D)
        case UInt8(ascii: "b"): octets.append(0x08)
        case UInt8(ascii: "f"): octets.append(0x0C)
        case UInt8(ascii: "u"):
            var code = try unit()
            if (0xD800..<0xDC00).contains(code), text.count - at >= 6, text[at] == UInt8(ascii: "\\"),
                text[at + 1] == UInt8(ascii: "u")
            {
                at += 2
                code = 0x10000 + (code - 0xD800) << 10 + (try unit()) &- 0xDC00
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a pair of surrogates") }
            octets += Array(Character(scalar).utf8)
        case let other: octets.append(other)
        }
    }

    private mutating func unit() throws(JSONFailure) -> UInt32 {
        guard text.count - at >= 4, let code = UInt32(String(decoding: text[at..<at + 4], as: UTF8.self), radix: 16) else {
            throw failure("four hexadecimal digits are missing")
        }
        at += 4
        return code
    }
}
