/// One value of RFC 8259, looked through in one pass over its text; strict, since a hostile worker must not be read differently by two
/// readers. What it finds are the places of the values; see `JSONView` for what is made of them.
struct JSONParser: ~Copyable {
    private let text: UnsafeRawBufferPointer
    private let bytes: UnsafeRawPointer
    private let length: Int
    private var index = 0
    private let maximumDepth: Int
    private var depth = 0
    /// Elements and members, by the commas and brackets that each of them needs.
    private let maximumValues: Int
    private var valueCount = 0
    private(set) var tokens: JSONTokens

    /// Begins with `memory` for what it finds.
    init(
        _ text: UnsafeRawBufferPointer, _ memory: UnsafeMutableBufferPointer<JSONTokens.Token>, maximumDepth: Int,
        maximumValues: Int
    ) {
        self.text = text
        let start = memory.baseAddress.unsafelyUnwrapped
        // Of an empty text nothing is read.
        bytes = text.baseAddress ?? UnsafeRawPointer(start)
        length = text.count
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
        tokens = JSONTokens(in: start, capacity: memory.count)
    }

    /// Reads the one value that the text is, once; the sentence says what is wrong and where.
    mutating func read() throws(JSONFailure) {
        guard text.count <= UInt32.max else { throw JSONFailure("the line is longer than 4 GiB") }
        guard UTF8Check.isValid(text) else { throw JSONFailure("the line is not valid UTF-8") }
        try values()
        guard next() == nil else { throw failure("more than one value in a line") }
    }

    // MARK: Values

    /// The value and all that it holds.
    private mutating func values() throws(JSONFailure) {
        /// The token of the innermost array or object that is open. While it is, its own token names the one around it.
        var open = Self.none
        var isObject = false
        while true {
            if isObject {
                guard next() == UInt8(ascii: "\"") else { throw failure("expected a member's name") }
                try string(isName: true)
                guard next() == UInt8(ascii: ":") else { throw failure("expected a colon") }
                index &+= 1
            }
            guard let first = next() else { throw failure("the value is not complete") }
            switch first {
            case UInt8(ascii: "\""): try string(isName: false)
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth &+= 1
                if depth > maximumDepth { throw failure("nesting deeper than \(maximumDepth)") }
                try count()
                index &+= 1
                let place = tokens.count
                tokens.append(first == UInt8(ascii: "{") ? .object : .array, value: UInt64(truncatingIfNeeded: open))
                guard next() == first + 2 else {
                    (open, isObject) = (place, first == UInt8(ascii: "{"))
                    continue
                }
                index &+= 1
                depth -= 1
                tokens.base[place].value = UInt64(tokens.count)
            default: try scalar(first)
            }
            // Behind a value another may follow, or the ends of those that hold it.
            while true {
                guard open != Self.none else { return }
                tokens.base[open].count += 1
                guard let next = next() else { throw failure("the value is not complete") }
                if next == UInt8(ascii: ",") {
                    try count()
                    index &+= 1
                    break
                }
                guard next == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { throw failure("unexpected character") }
                index &+= 1
                depth -= 1
                let outer = Int(truncatingIfNeeded: tokens.base[open].value)
                tokens.close(open)
                if isObject, !JSONView(text: text, tokens: tokens.base).namesAreUnique(at: open) {
                    throw failure("duplicate name in an object")
                }
                open = outer
                isObject = open != Self.none && tokens.base[open].kind == .object
            }
        }
    }

    private static let none = -1

    @inline(__always)
    private mutating func count() throws(JSONFailure) {
        valueCount += 1
        if valueCount > maximumValues { throw failure("more than \(maximumValues) values") }
    }

    private mutating func scalar(_ first: UInt8) throws(JSONFailure) {
        switch first {
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        case UInt8(ascii: "t"):
            try literal("true")
            tokens.append(.yes)
        case UInt8(ascii: "f"):
            try literal("false")
            tokens.append(.no)
        case UInt8(ascii: "n"):
            try literal("null")
            tokens.append(.null)
        default: throw failure("unexpected character")
        }
    }

    private mutating func literal(_ word: StaticString) throws(JSONFailure) {
        for offset in 0..<word.utf8CodeUnitCount where byte(offset) != word.utf8Start[offset] { throw failure("unknown literal") }
        index += word.utf8CodeUnitCount
    }

    // MARK: Strings

    /// The string at whose quotation mark it stands.
    @inline(__always)
    private mutating func string(isName: Bool) throws(JSONFailure) {
        let start = index + 1
        // Most are short, and have neither escapes nor anything but ASCII.
        let bound = min(start + 40, length)
        var end = start
        while end &+ 8 <= bound {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
            let odd = UnsafeRawBufferPointer.oddBytes(word)
            guard odd == 0 else {
                end &+= odd.trailingZeroBitCount &>> 3
                guard bytes.load(fromByteOffset: end, as: UInt8.self) == UInt8(ascii: "\"") else { break }
                tokens.append(.plain, count: end &- start, value: UInt64(truncatingIfNeeded: start))
                index = end &+ 1
                return
            }
            end &+= 8
        }
        index = end
        try rest(of: start, isName: isName)
    }

    /// The rest of a string. In a member's name U+0000 is refused: many readers cut names there.
    @inline(never)
    private mutating func rest(of start: Int, isName: Bool) throws(JSONFailure) {
        var isEscaped = false
        var hasZero = false
        // A long text with an escape now and then is as quick as one without.
        index = text.endOfPlainText(from: index)
        while let next = byte() {
            switch next {
            case UInt8(ascii: "\""):
                tokens.append(isEscaped ? .escaped : .plain, count: index - start, value: UInt64(start))
                index &+= 1
                if isName, hasZero { throw failure("U+0000 in a member's name") }
                return
            case ..<0x20: throw failure("control character in a string")
            case UInt8(ascii: "\\"):
                isEscaped = true
                if try JSONEscapes.scalar(in: text, at: &index).value == 0 { hasZero = true }
                index = text.endOfPlainText(from: index)
            default: index &+= 1
            }
        }
        throw failure("string without an end")
    }

    // MARK: Numbers

    private mutating func number() throws(JSONFailure) {
        let start = index
        let isNegative = byte() == UInt8(ascii: "-")
        if isNegative { index &+= 1 }
        let first = index
        let count = try digits()
        if count > 1, text[first] == UInt8(ascii: "0") { throw failure("number with a leading zero") }
        var isInteger = true
        if byte() == UInt8(ascii: ".") {
            isInteger = false
            index &+= 1
            _ = try digits()
        }
        if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
            isInteger = false
            index &+= 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { index &+= 1 }
            _ = try digits()
        }
        guard isInteger else {
            let value = Double(String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<index]), as: UTF8.self))
            guard let value, value.isFinite else { throw failure("a number is too large") }
            return tokens.append(.double, value: value.bitPattern)
        }
        // 2^53 has sixteen digits.
        guard count <= 16 else { throw failure("integer beyond 2^53") }
        let magnitude = text[first..<index].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        guard magnitude <= 1 << 53 else { throw failure("integer beyond 2^53") }
        tokens.append(.int, value: UInt64(bitPattern: Int64(isNegative ? -magnitude : magnitude)))
    }

    /// How many there are, at least one.
    private mutating func digits() throws(JSONFailure) -> Int {
        let start = index
        while let next = byte(), next &- UInt8(ascii: "0") < 10 { index &+= 1 }
        guard index > start else { throw failure("number without digits") }
        return index - start
    }

    // MARK: Text

    @inline(__always)
    private func byte(_ offset: Int = 0) -> UInt8? {
        index &+ offset < length ? bytes.load(fromByteOffset: index &+ offset, as: UInt8.self) : nil
    }

    /// The byte behind white space (RFC 8259 2), at which it then stands; nil at the end.
    @inline(__always)
    private mutating func next() -> UInt8? {
        while let next = byte() {
            guard next == 0x20 || next == 0x09 || next == 0x0A || next == 0x0D else { return next }
            index &+= 1
        }
        return nil
    }

    @inline(never)
    private func failure(_ what: String) -> JSONFailure { JSONFailure(what, at: index) }
}
