/// One pass over a line that refuses what json-c would accept or change.
///
/// json-c builds the tree and checks its structure; it silently keeps the last of two members with one name, replaces
/// lone surrogates, and takes NaN, comments and leading zeros. A hostile worker must not be read differently by two
/// readers, so this scan admits only the grammar of RFC 8259 outside structure, and counts member names: a tree with
/// fewer members than names had a duplicate.
struct JSONScan {
    private let text: UnsafeRawBufferPointer
    private var index = 0
    /// Names seen outside strings, that is, colons.
    private(set) var memberCount = 0
    private let maximumDepth: Int
    private var depth = 0
    /// Elements and members, by the commas and brackets that each of them needs.
    private let maximumValues: Int
    private var valueCount = 0

    init(_ text: UnsafeRawBufferPointer, maximumDepth: Int, maximumValues: Int) {
        self.text = text
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
    }

    /// Scans to the end; the sentence says what is wrong, without its offset.
    mutating func run() throws(JSONFailure) {
        guard UTF8Check.isValid(text) else { throw JSONFailure("the line is not valid UTF-8") }
        while index < text.count {
            let byte = text[index]
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D:
                index += 1
            case UInt8(ascii: ","):
                try count()
                index += 1
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > maximumDepth { throw failure("nesting deeper than \(maximumDepth)") }
                try count()
                index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                index += 1
            case UInt8(ascii: ":"):
                memberCount += 1
                index += 1
            case UInt8(ascii: "\""): try string()
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
            case UInt8(ascii: "t"): try literal("true")
            case UInt8(ascii: "f"): try literal("false")
            case UInt8(ascii: "n"): try literal("null")
            default: throw failure("unexpected character")
            }
        }
    }

    private mutating func count() throws(JSONFailure) {
        valueCount += 1
        if valueCount > maximumValues { throw failure("more than \(maximumValues) values") }
    }

    private func failure(_ what: String) -> JSONFailure { JSONFailure("\(what) at byte \(index)") }

    private func byte(_ offset: Int = 0) -> UInt8? { index + offset < text.count ? text[index + offset] : nil }

    private mutating func literal(_ word: StaticString) throws(JSONFailure) {
        for offset in 0..<word.utf8CodeUnitCount where byte(offset) != word.utf8Start[offset] { throw failure("unknown literal") }
        index += word.utf8CodeUnitCount
    }

    private mutating func string() throws(JSONFailure) {
        index = text.endOfPlainText(from: index + 1)
        var hasNUL = false
        while let next = byte() {
            if next == UInt8(ascii: "\"") {
                index += 1
                if hasNUL { try refuseNULInName() }
                return
            }
            if next < 0x20 { throw failure("control character in a string") }
            if next == UInt8(ascii: "\\") { hasNUL = try escape() || hasNUL } else { index += 1 }
            // A long text with an escape now and then is as quick as one without.
            index = text.endOfPlainText(from: index)
        }
        throw failure("string without an end")
    }

    /// json-c cuts a member's name at U+0000, so that two readers could disagree about it.
    private func refuseNULInName() throws(JSONFailure) {
        var next = index
        while next < text.count, text[next].isJSONSpace { next += 1 }
        if next < text.count, text[next] == UInt8(ascii: ":") { throw failure("U+0000 in a member's name") }
    }

    /// One escape; true if it stands for U+0000.
    private mutating func escape() throws(JSONFailure) -> Bool {
        switch byte(1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 2
            return false
        case UInt8(ascii: "u"):
            let unit = try codeUnit()
            if (0xDC00...0xDFFF).contains(unit) { throw failure("lone surrogate") }
            if (0xD800...0xDBFF).contains(unit) {
                guard byte() == UInt8(ascii: "\\"), byte(1) == UInt8(ascii: "u") else { throw failure("lone surrogate") }
                guard (0xDC00...0xDFFF).contains(try codeUnit()) else { throw failure("lone surrogate") }
            }
            return unit == 0
        default: throw failure("unknown escape")
        }
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

    private mutating func number() throws(JSONFailure) {
        let start = index
        if byte() == UInt8(ascii: "-") { index += 1 }
        let integer = digits()
        if integer == 0 { throw failure("number without digits") }
        if integer > 1, text[index - integer] == UInt8(ascii: "0") { throw failure("number with a leading zero") }
        var isInteger = true
        if byte() == UInt8(ascii: ".") {
            isInteger = false
            index += 1
            if digits() == 0 { throw failure("number without digits") }
        }
        if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
            isInteger = false
            index += 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { index += 1 }
            if digits() == 0 { throw failure("number without digits") }
        }
        guard isInteger else { return }
        let magnitude = text[start..<index].filter { $0 != UInt8(ascii: "-") }
        let value = magnitude.count > 16 ? nil : Int(String(decoding: magnitude, as: UTF8.self))
        if (value ?? .max) > 1 << 53 { throw failure("integer beyond 2^53") }
    }

    private mutating func digits() -> Int {
        let start = index
        while let next = byte(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { index += 1 }
        return index - start
    }
}

extension UInt8 {
    /// White space between tokens (RFC 8259 2).
    var isJSONSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}
