/// One value of RFC 8259, built in one pass over its text; strict, since a hostile worker must not be read differently by two readers.
struct JSONParser {
    private let text: UnsafeRawBufferPointer
    private var index = 0
    private let maximumDepth: Int
    private var depth = 0
    /// Elements and members, by the commas and brackets that each of them needs.
    private let maximumValues: Int
    private var valueCount = 0
    private let keepsPairs: Bool

    init(_ text: UnsafeRawBufferPointer, maximumDepth: Int, maximumValues: Int, keepsPairs: Bool) {
        self.text = text
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
        self.keepsPairs = keepsPairs
    }

    /// The one value that the text is; the sentence says what is wrong and where.
    mutating func read() throws(JSONFailure) -> JSON {
        guard UTF8Check.isValid(text) else { throw JSONFailure("the line is not valid UTF-8") }
        let value = try value()
        guard next() == nil else { throw failure("more than one value in a line") }
        return value
    }

    // MARK: Values

    private mutating func value() throws(JSONFailure) -> JSON {
        guard let next = next() else { throw failure("the value is not complete") }
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        default: throw failure("unexpected character")
        }
    }

    private mutating func array() throws(JSONFailure) -> JSON {
        var values: [JSON] = []
        guard try begin(closedBy: UInt8(ascii: "]")) else { return .array(values) }
        if keepsPairs, let pairs = try pairs() { return .pairs(pairs) }
        repeat {
            // Most are pairs, and few are a little longer.
            if values.isEmpty { values.reserveCapacity(2) } else if values.count == 2 { values.reserveCapacity(16) }
            values.append(try value())
        } while try goesOn(closedBy: UInt8(ascii: "]"))
        return .array(values)
    }

    /// The rest of an array that was begun; nil, and nothing is read, if it holds anything but pairs of texts.
    private mutating func pairs() throws(JSONFailure) -> JSONPairs? {
        let before = self
        var pairs = JSONPairs()
        repeat {
            guard next() == UInt8(ascii: "["), try begin(closedBy: UInt8(ascii: "]")) else { break }
            guard try text(into: &pairs), try goesOn(closedBy: UInt8(ascii: "]")), try text(into: &pairs),
                next() == UInt8(ascii: "]")
            else { break }
            index += 1
            depth -= 1
            guard try goesOn(closedBy: UInt8(ascii: "]")) else { return pairs }
        } while true
        self = before
        return nil
    }

    /// False if no string stands there.
    private mutating func text(into pairs: inout JSONPairs) throws(JSONFailure) -> Bool {
        guard next() == UInt8(ascii: "\"") else { return false }
        try pairs.append { (bytes) throws(JSONFailure) in try text(into: &bytes) }
        return true
    }

    private mutating func object() throws(JSONFailure) -> JSONObject {
        var members: [JSONObject.Member] = []
        guard try begin(closedBy: UInt8(ascii: "}")) else { return JSONObject() }
        repeat {
            guard next() == UInt8(ascii: "\"") else { throw failure("expected a member's name") }
            let key = try string(isName: true)
            guard next() == UInt8(ascii: ":") else { throw failure("expected a colon") }
            index += 1
            members.append(.init(key: key, value: try value()))
        } while try goesOn(closedBy: UInt8(ascii: "}"))
        guard JSONObject.areUnique(members) else { throw failure("duplicate name in an object") }
        return JSONObject(unique: members)
    }

    /// Enters an array or object; false if it is empty, and left again.
    private mutating func begin(closedBy bracket: UInt8) throws(JSONFailure) -> Bool {
        depth += 1
        if depth > maximumDepth { throw failure("nesting deeper than \(maximumDepth)") }
        try count()
        index += 1
        guard next() == bracket else { return true }
        index += 1
        depth -= 1
        return false
    }

    /// Behind a value in an array or object: whether another follows; false if it was left.
    private mutating func goesOn(closedBy bracket: UInt8) throws(JSONFailure) -> Bool {
        switch next() {
        case UInt8(ascii: ","):
            try count()
            index += 1
            return true
        case bracket:
            index += 1
            depth -= 1
            return false
        case nil: throw failure("the value is not complete")
        default: throw failure("unexpected character")
        }
    }

    private mutating func count() throws(JSONFailure) {
        valueCount += 1
        if valueCount > maximumValues { throw failure("more than \(maximumValues) values") }
    }

    private mutating func literal(_ word: StaticString) throws(JSONFailure) {
        for offset in 0..<word.utf8CodeUnitCount where byte(offset) != word.utf8Start[offset] { throw failure("unknown literal") }
        index += word.utf8CodeUnitCount
    }

    // MARK: Strings

    /// The string at whose quotation mark it stands. In a member's name U+0000 is refused: many readers cut names there.
    private mutating func string(isName: Bool = false) throws(JSONFailure) -> String {
        let start = index + 1
        let end = text.endOfPlainText(from: start)
        if end < text.count, text[end] == UInt8(ascii: "\"") {
            index = end + 1
            return String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<end]), as: UTF8.self)
        }
        var bytes: [UInt8] = []
        try text(into: &bytes)
        if isName, bytes.contains(0) { throw failure("U+0000 in a member's name") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends what the string stands for at whose quotation mark it stands.
    private mutating func text(into bytes: inout [UInt8]) throws(JSONFailure) {
        var plain = index + 1
        // A long text with an escape now and then is as quick as one without.
        index = text.endOfPlainText(from: plain)
        while let next = byte() {
            switch next {
            case UInt8(ascii: "\""):
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plain..<index]))
                index += 1
                return
            case ..<0x20: throw failure("control character in a string")
            case UInt8(ascii: "\\"):
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plain..<index]))
                let scalar = try escape()
                if scalar.isASCII {
                    bytes.append(UInt8(truncatingIfNeeded: scalar.value))
                } else {
                    bytes.append(contentsOf: scalar.utf8)
                }
                plain = index
                index = text.endOfPlainText(from: index)
            default: index += 1
            }
        }
        throw failure("string without an end")
    }

    /// What one escape, or the two of a surrogate pair, stands for.
    private mutating func escape() throws(JSONFailure) -> Unicode.Scalar {
        let character: UInt8
        switch byte(1) {
        case UInt8(ascii: "u"): return try escapedScalar()
        case UInt8(ascii: "b"): character = 0x08
        case UInt8(ascii: "f"): character = 0x0C
        case UInt8(ascii: "n"): character = 0x0A
        case UInt8(ascii: "r"): character = 0x0D
        case UInt8(ascii: "t"): character = 0x09
        case let byte? where byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "/"):
            character = byte
        default: throw failure("unknown escape")
        }
        index += 2
        return Unicode.Scalar(character)
    }

    private mutating func escapedScalar() throws(JSONFailure) -> Unicode.Scalar {
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, byte() == UInt8(ascii: "\\"), byte(1) == UInt8(ascii: "u") else { throw failure("lone surrogate") }
        let second = try codeUnit()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw failure("lone surrogate") }
        return scalar
    }

    /// The four hexadecimal digits behind `\u`, as a UTF-16 code unit.
    private mutating func codeUnit() throws(JSONFailure) -> UInt32 {
        var unit: UInt32 = 0
        for offset in 2..<6 {
            guard let digit = byte(offset).flatMap({ Character(UnicodeScalar($0)).hexDigitValue }) else {
                throw failure("bad \\u escape")
            }
            unit = unit << 4 | UInt32(digit)
        }
        index += 6
        return unit
    }

    // MARK: Numbers

    private mutating func number() throws(JSONFailure) -> JSON {
        let start = index
        let isNegative = byte() == UInt8(ascii: "-")
        if isNegative { index += 1 }
        let first = index
        let count = try digits()
        if count > 1, text[first] == UInt8(ascii: "0") { throw failure("number with a leading zero") }
        var isInteger = true
        if byte() == UInt8(ascii: ".") {
            isInteger = false
            index += 1
            _ = try digits()
        }
        if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
            isInteger = false
            index += 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { index += 1 }
            _ = try digits()
        }
        guard isInteger else {
            let value = Double(String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<index]), as: UTF8.self))
            guard let value, value.isFinite else { throw failure("a number is too large") }
            return .double(value)
        }
        // 2^53 has sixteen digits.
        guard count <= 16 else { throw failure("integer beyond 2^53") }
        let magnitude = text[first..<index].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        guard magnitude <= 1 << 53 else { throw failure("integer beyond 2^53") }
        return .int(isNegative ? -magnitude : magnitude)
    }

    /// How many there are, at least one.
    private mutating func digits() throws(JSONFailure) -> Int {
        let start = index
        while let next = byte(), next &- UInt8(ascii: "0") < 10 { index += 1 }
        guard index > start else { throw failure("number without digits") }
        return index - start
    }

    // MARK: Text

    @inline(__always)
    private func byte(_ offset: Int = 0) -> UInt8? { index + offset < text.count ? text[index + offset] : nil }

    /// The byte behind white space (RFC 8259 2), at which it then stands; nil at the end.
    @inline(__always)
    private mutating func next() -> UInt8? {
        while let next = byte() {
            guard next == 0x20 || next == 0x09 || next == 0x0A || next == 0x0D else { return next }
            index += 1
        }
        return nil
    }

    private func failure(_ what: String) -> JSONFailure { JSONFailure("\(what) at byte \(index)") }
}

extension JSONObject {
    /// Whether no two members have a name of the same bytes.
    fileprivate static func areUnique(_ members: [Member]) -> Bool {
        guard members.count > 8 else {
            for (index, member) in members.enumerated() where index > 0 {
                // Equal texts may be of other bytes, so that equality alone says nothing.
                for other in members[..<index] where other.key == member.key && other.key.utf8.elementsEqual(member.key.utf8) {
                    return false
                }
            }
            return true
        }
        if Set(members.lazy.map(\.key)).count == members.count { return true }
        return Set(members.lazy.map { Array($0.key.utf8) }).count == members.count
    }
}
