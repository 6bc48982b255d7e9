/// Turns the text of a filter expression into a tree, by recursive descent with ordered choice.
///
/// Its rules, loosest binding first; blanks (space, tab, CR, LF) may stand between any two symbols:
///
///     expression  either either …                "and", at top level only
///     either      both | both …
///     both        negation & negation …
///     negation    ! negation, else operand
///     operand     ~name argument, word, quoted, ( either )
///
/// Ordered choice matters: an `&`, `|` or `!` that cannot be read as a connective may still be read as a word, that is a URL
/// pattern. A word runs to the next blank, parenthesis, tilde or quote, so it swallows connectives that touch it.
struct FilterParser {
    private let source: String
    private let bytes: [UInt8]
    private let options: RegularExpression.Options
    private var position = 0
    private var nesting = 0
    /// The failure furthest into the text; what stopped the whole parse, once no alternative is left.
    private var furthest: (position: Int, message: String) = (-1, "")

    init(_ source: String, options: RegularExpression.Options) throws(FilterError) {
        self.source = source
        self.options = options
        bytes = Array(source.utf8)
        guard bytes.count <= Filter.maximumSize else {
            throw FilterError("the expression is longer than \(Filter.maximumSize) bytes", offset: 0, in: source)
        }
    }

    mutating func parse() throws(FilterError) -> Filter.Node {
        skipBlanks()
        guard position < bytes.count else { throw error("the expression is empty", at: 0) }
        var parts: [Filter.Node] = []
        while position < bytes.count {
            guard let part = try either() else { throw error(furthest.message, at: furthest.position) }
            parts.append(part)
            skipBlanks()
        }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    // MARK: Rules. Each returns nil, with `position` where it was, when the text does not fit.

    private mutating func either() throws(FilterError) -> Filter.Node? {
        guard let first = try both() else { return nil }
        var parts = [first]
        while true {
            let start = position
            guard skip("|"), let next = try both() else {
                position = start
                return parts.count == 1 ? first : .any(parts)
            }
            parts.append(next)
        }
    }

    private mutating func both() throws(FilterError) -> Filter.Node? {
        guard let first = try negation() else { return nil }
        var parts = [first]
        while true {
            let start = position
            guard skip("&"), let next = try negation() else {
                position = start
                return parts.count == 1 ? first : .all(parts)
            }
            parts.append(next)
        }
    }

    private mutating func negation() throws(FilterError) -> Filter.Node? {
        let start = position
        if skip("!") {
            try descend(from: start)
            let negated = try negation()
            nesting -= 1
            if let negated { return .not(negated) }
            position = start
        }
        return try operand()
    }

    private mutating func operand() throws(FilterError) -> Filter.Node? {
        skipBlanks()
        switch peek {
        case UInt8(ascii: "("): return try group()
        case UInt8(ascii: "~"): return try operation()
        default:
            guard let argument = text() else {
                // Of a quote that is never closed `text()` has told already; what is left is the end or a ")".
                failed(peek == nil ? "the expression ends where an operand should follow" : "nothing stands before this ')'")
                return nil
            }
            return try node(.bare, argument)
        }
    }

    private mutating func group() throws(FilterError) -> Filter.Node? {
        let start = position
        position += 1
        try descend(from: start)
        let inner = try either()
        nesting -= 1
        if let inner {
            if skip(")") { return inner }
            skipBlanks()
            let open =
                peek == nil
                ? "the parenthesis is never closed" : "expected '&', '|' or ')': inside parentheses a blank is no \"and\""
            failed(open)
        }
        position = start
        return nil
    }

    private mutating func operation() throws(FilterError) -> Filter.Node? {
        let start = position
        // A name must end at a blank, at the end, or before a character that is not printable ASCII.
        let end = bytes[start...].firstIndex { !(0x21...0x7E).contains($0) } ?? bytes.count
        let name = String(decoding: bytes[(start + 1)..<end], as: UTF8.self)
        guard let row = FilterOperator.named(name) else {
            let letters = name.prefix { $0.isLetter }
            failed(
                letters.count < name.count && FilterOperator.named(letters) != nil
                    ? "a blank must follow ~\(letters)" : "there is no operator ~\(letters)")
            return nil
        }
        position = end
        switch row.argument {
        case .none:
            return .claim(row)
        case .regex:
            skipBlanks()
            if let argument = text() { return try node(row, argument) }
            failed("~\(name) needs a regular expression")
        case .integer:
            skipBlanks()
            let digits = bytes[position...].prefix { (0x30...0x39).contains($0) }
            if !digits.isEmpty {
                position += digits.count
                // A number that no status code reaches matches nothing, like any other wrong number.
                return .integer(row, Int(String(decoding: digits, as: UTF8.self)) ?? .max)
            }
            failed("~\(name) needs an integer")
        }
        position = start
        return nil
    }

    // MARK: Symbols.

    /// A pattern, and for each of its bytes where it stands in the source.
    private struct Argument {
        var bytes: [UInt8] = []
        var positions: [Int] = []

        mutating func append(_ byte: UInt8, at position: Int) {
            bytes.append(byte)
            positions.append(position)
        }
    }

    /// A word or a quoted string, with `position` at its first byte.
    private mutating func text() -> Argument? {
        if peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") { return quoted() }
        var argument = Argument()
        while let byte = peek, !Self.blanks.contains(byte), !Self.ends.contains(byte) {
            argument.append(byte, at: position)
            position += 1
        }
        return argument.bytes.isEmpty ? nil : argument
    }

    /// A string in quotes on one line. A backslash takes the next byte literally, save for the few that stand for a control.
    private mutating func quoted() -> Argument? {
        let start = position
        let quote = bytes[start]
        var argument = Argument()
        var index = start + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n"), bytes[index] != UInt8(ascii: "\r") {
            if bytes[index] == quote {
                position = index + 1
                return argument
            }
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
                argument.append(Self.escapes[bytes[index + 1]] ?? bytes[index + 1], at: index)
                index += 2
            } else {
                argument.append(bytes[index], at: index)
                index += 1
            }
        }
        failed("the quote is never closed")
        return nil
    }

    private func node(_ row: FilterOperator, _ argument: Argument) throws(FilterError) -> Filter.Node? {
        guard case .regex(let own, _) = row.test else { return nil }
        let pattern = String(decoding: argument.bytes, as: UTF8.self)
        do {
            return .regex(row, try RegularExpression(pattern, options: own.union(options)))
        } catch {
            let byte = pattern.prefix(error.offset).utf8.count
            let end = argument.positions.last.map { $0 + 1 } ?? position
            throw self.error(error.message, at: byte < argument.positions.count ? argument.positions[byte] : end)
        }
    }

    private var peek: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func skipBlanks() {
        while let byte = peek, Self.blanks.contains(byte) { position += 1 }
    }

    private mutating func skip(_ symbol: Unicode.Scalar) -> Bool {
        let start = position
        skipBlanks()
        if peek == UInt8(ascii: symbol) {
            position += 1
            return true
        }
        position = start
        return false
    }

    // MARK: Failures.

    private mutating func failed(_ message: String) {
        if position > furthest.position { furthest = (position, message) }
    }

    private mutating func descend(from start: Int) throws(FilterError) {
        nesting += 1
        if nesting > Filter.maximumNesting {
            throw error("the expression nests deeper than \(Filter.maximumNesting)", at: start)
        }
    }

    private func error(_ message: String, at byte: Int) -> FilterError {
        FilterError(message, offset: String(decoding: bytes.prefix(byte), as: UTF8.self).count, in: source)
    }

    private static let blanks = Array(" \t\r\n".utf8)
    private static let ends = Array("()~'\"".utf8)
    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10, UInt8(ascii: "f"): 12, UInt8(ascii: "r"): 13, UInt8(ascii: "0"): 0,
    ]
}
