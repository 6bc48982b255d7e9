/// Values from lines, and lines from values.
extension JSON: CustomStringConvertible {
    /// Reads one value, with white space around it and nothing else.
    public init(_ text: some Sequence<UInt8>) throws {
        self = try ContiguousArray(text).withUnsafeBufferPointer { try JSON(line: $0) }
    }

    init(line: UnsafeBufferPointer<UInt8>) throws {
        var reader = Reader(text: line)
        self = try reader.value(depth: 0)
        reader.skip()
        guard reader.at == line.count else { throw reader.failure("something follows the value") }
    }

    /// The value as it stands in a line.
    public var description: String {
        var line: [UInt8] = []
        write(to: &line)
        return String(decoding: line, as: UTF8.self)
    }

    func write(to line: inout [UInt8]) {
        switch self {
        case .null: line += "null".utf8
        case .bool(let value): line += (value ? "true" : "false").utf8
        case .integer(let number): line += String(number).utf8
        // JSON has neither infinity nor NaN.
        case .number(let number): line += (number.isFinite ? "\(number)" : "null").utf8
        case .string(let text): Self.write(text, to: &line)
        case .array(let values):
            for (index, value) in values.enumerated() {
                line.append(index == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
                value.write(to: &line)
            }
            line += (values.isEmpty ? "[]" : "]").utf8
        case .object(let members):
            for (index, member) in members.enumerated() {
                line.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
                Self.write(member.name, to: &line)
                line.append(UInt8(ascii: ":"))
                member.value.write(to: &line)
            }
            line += (members.isEmpty ? "{}" : "}").utf8
        }
    }

    private static func write(_ text: String, to line: inout [UInt8]) {
        var text = text
        line.append(UInt8(ascii: "\""))
        text.withUTF8 { octets in
            var start = 0
            for index in octets.indices where octets[index] < 0x20 || octets[index] == 0x22 || octets[index] == 0x5C {
                line += octets[start..<index]
                start = index + 1
                switch octets[index] {
                case 0x22, 0x5C: line += [0x5C, octets[index]]
                case 0x0A: line += "\\n".utf8
                case let control: line += "\\u00\(control < 16 ? "0" : "")\(String(control, radix: 16))".utf8
                }
            }
            line += octets[start...]
        }
        line.append(UInt8(ascii: "\""))
    }
}

private struct Reader {
    let text: UnsafeBufferPointer<UInt8>
    var at = 0

    func failure(_ what: String) -> Failure { Failure("no JSON: \(what) at octet \(at)") }

    private var next: UInt8 { at < text.count ? text[at] : 0 }

    private func decoded(_ start: Int, _ end: Int) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: text[start..<end]), as: UTF8.self)
    }

    mutating func skip() { while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { at += 1 } }

    /// Whether that is next, behind white space; passes it.
    private mutating func take(_ octet: Unicode.Scalar) -> Bool {
        skip()
        guard next == UInt8(ascii: octet) else { return false }
        at += 1
        return true
    }

    mutating func value(depth: Int) throws -> JSON {
        guard depth < 130 else { throw failure("nested too deep") }
        if take("\"") { return .string(try string()) }
        if take("{") {
            var members: [JSON.Member] = []
            try list(end: "}") { reader in members.append(try reader.member(depth: depth + 1)) }
            return .object(members)
        }
        if take("[") {
            var values: [JSON] = []
            try list(end: "]") { reader in values.append(try reader.value(depth: depth + 1)) }
            return .array(values)
        }
        return try word()
    }

    private mutating func list(end: Unicode.Scalar, _ element: (inout Self) throws -> Void) throws {
        if take(end) { return }
        repeat { try element(&self) } while take(",")
        guard take(end) else { throw failure("neither a comma nor the end of a list") }
    }

    private mutating func member(depth: Int) throws -> JSON.Member {
        guard take("\"") else { throw failure("a member's name is missing") }
        let name = try string()
        guard take(":") else { throw failure("a colon is missing") }
        return JSON.Member(name: name, value: try value(depth: depth))
    }

    /// A number, or what is neither text nor list.
    private mutating func word() throws -> JSON {
        let start = at
        while next > 0x20, next != UInt8(ascii: ","), next != UInt8(ascii: "]"), next != UInt8(ascii: "}") { at += 1 }
        switch decoded(start, at) {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        case let digits:
            if let number = Int(digits) { return .integer(number) }
            guard let number = Double(digits), number.isFinite else { throw failure("no value") }
            return .number(number)
        }
    }

    private mutating func string() throws -> String {
        var (octets, start): ([UInt8], Int) = ([], at)
        while at < text.count {
            at += 1
            switch text[at - 1] {
            case UInt8(ascii: "\""):
                if octets.isEmpty { return decoded(start, at - 1) }
                return String(decoding: octets + text[start..<at - 1], as: UTF8.self)
            case UInt8(ascii: "\\"):
                octets += UnsafeBufferPointer(rebasing: text[start..<at - 1])
                try escape(into: &octets)
                start = at
            default: break
            }
        }
        throw failure("a string has no end")
    }

    private mutating func escape(into octets: inout [UInt8]) throws {
        let letter = next
        at += 1
        switch letter {
        case UInt8(ascii: "n"): octets.append(0x0A)
        case UInt8(ascii: "t"): octets.append(0x09)
        case UInt8(ascii: "r"): octets.append(0x0D)
        case UInt8(ascii: "b"): octets.append(0x08)
        case UInt8(ascii: "f"): octets.append(0x0C)
        case UInt8(ascii: "u"):
            var code = try unit()
            if code & 0xFC00 == 0xD800, text.dropFirst(at).starts(with: "\\u".utf8) {
                at += 2
                code = 0x10000 + (code & 0x3FF) << 10 + (try unit()) & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a pair of surrogates") }
            octets += String(scalar).utf8
        default: octets.append(letter)
        }
    }

    private mutating func unit() throws -> UInt32 {
        guard text.count - at >= 4, let code = UInt32(decoded(at, at + 4), radix: 16) else {
            throw failure("four hexadecimal digits are missing")
        }
        at += 4
        return code
    }
}
