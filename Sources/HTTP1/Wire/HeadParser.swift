import FlowModel
import NIOCore

/// Reads one start line and its field lines, or a trailer section, out of octets that arrive in any pieces.
///
/// States: before the start line, in the field lines, complete or failed (both terminal: make a new one). It keeps positions
/// only, never octets: the caller shows it the same, growing input from the first octet of the head on. Each line is judged
/// when its LF arrives and no octet is searched twice. Rules: RFC 9112 2.2, 3, 4 and 5, with the lenient readings of bare LF, bare CR,
/// folding and stray whitespace refused, because two readers who disagree about a line end can be made to see different
/// messages. What the fields mean is left to `Framing`.
struct HeadParser {
    /// What the section begins with.
    enum Kind {
        case request
        case response
        case trailers
    }

    /// The start line; ranges count from the first octet shown.
    enum StartLine {
        case request(method: Range<Int>, target: Range<Int>, HTTPVersion)
        case response(HTTPVersion, status: Int, reason: Range<Int>)
    }

    /// What the input shown so far amounts to.
    enum Progress {
        case incomplete
        /// The section fills this many octets of the input, its empty line included.
        case complete(length: Int)
        case failed(MessageFailure)
    }

    private let kind: Kind
    private let limits: Limits
    private var emptyLines = 0
    private var sectionStart = 0
    private var lineStart = 0
    private var lineNumber = 1
    private var scanned = 0
    private var fieldsStart = 0
    private var lines: [Headers.Line] = []
    private var names = NameSet()

    /// Nil until the start line is complete, and always for trailers.
    private(set) var startLine: StartLine?

    init(_ kind: Kind, limits: Limits) {
        self.kind = kind
        self.limits = limits
    }

    /// True while the input holds nothing but empty lines, so that a close is not a close in the middle of a head.
    func isBlank(_ input: ByteBuffer) -> Bool {
        input.readableBytes == sectionStart
    }

    /// Looks at the input again; call when it has grown.
    mutating func read(_ input: ByteBuffer) -> Progress {
        input.withUnsafeReadableBytes { octets in
            do throws(MessageFailure) {
                return try scan(octets)
            } catch {
                return .failed(error)
            }
        }
    }

    /// The field lines, once `read` said complete; takes them out of the parser.
    mutating func takeHeaders(_ input: ByteBuffer, length: Int) -> Headers {
        guard !lines.isEmpty else { return Headers() }
        let block = input.withUnsafeReadableBytes { Array($0[fieldsStart..<(length - 2)]) }
        let lines = self.lines
        self.lines = []
        return Headers(block: block, lines: lines, names: names)
    }

    private var isBeforeStartLine: Bool {
        kind != .trailers && startLine == nil
    }

    private var place: MessageFailure.Place {
        .init(kind == .trailers ? .trailers : .head, line: lineNumber)
    }

    private mutating func scan(_ octets: UnsafeRawBufferPointer) throws(MessageFailure) -> Progress {
        while let lineFeed = octets.lineFeed(from: scanned) {
            try checkLimits(reached: lineFeed)
            guard lineFeed > lineStart, octets[lineFeed - 1] == .carriageReturn else { throw .bareLineFeed(place) }
            let line = lineStart..<(lineFeed - 1)
            scanned = lineFeed + 1
            lineStart = scanned
            if isBeforeStartLine {
                try readStartLine(octets, line)
            } else if line.isEmpty {
                return .complete(length: scanned)
            } else {
                try readFieldLine(octets, line)
                lineNumber += 1
            }
        }
        scanned = octets.count
        try checkLimits(reached: scanned)
        return .incomplete
    }

    /// Throws when an LF at this position, or anywhere behind it, would be too late. Which limit is named depends on the
    /// positions alone, so the verdict is the same however the octets were cut.
    private func checkLimits(reached position: Int) throws(MessageFailure) {
        let lineLimit = isBeforeStartLine && kind == .request ? limits.requestLine : limits.fieldLine
        let lineBound = lineStart + lineLimit + 1
        let sectionLimit = kind == .trailers ? limits.trailers : limits.head
        let sectionBound = sectionStart + sectionLimit - 1
        guard position > min(lineBound, sectionBound) else { return }
        if sectionBound < lineBound {
            throw kind == .trailers ? .trailersTooLarge(limit: sectionLimit) : .headTooLarge(limit: sectionLimit)
        }
        throw isBeforeStartLine && kind == .request
            ? .requestLineTooLong(limit: lineLimit) : .lineTooLong(place, limit: lineLimit)
    }

    private mutating func readStartLine(_ octets: UnsafeRawBufferPointer, _ line: Range<Int>) throws(MessageFailure) {
        if line.isEmpty, kind == .request {
            guard emptyLines < limits.emptyLines else { throw .tooManyEmptyLines(limit: limits.emptyLines) }
            emptyLines += 1
            sectionStart = scanned
            return
        }
        startLine = kind == .request ? try requestLine(octets, line) : try statusLine(octets, line)
        lineNumber = 2
        fieldsStart = scanned
    }

    private func requestLine(_ octets: UnsafeRawBufferPointer, _ line: Range<Int>) throws(MessageFailure) -> StartLine {
        var methodEnd = line.lowerBound
        while methodEnd < line.upperBound, octets[methodEnd].isTokenCharacter { methodEnd += 1 }
        guard methodEnd < line.upperBound else { throw .badRequestLine }
        guard methodEnd > line.lowerBound, octets[methodEnd] == .space else {
            throw octets[methodEnd] == .carriageReturn ? .bareCarriageReturn(place) : .badMethod
        }
        // The version holds no space, so the last one ends the target; a target with spaces then shows itself as such.
        var targetEnd = line.upperBound - 1
        while octets[targetEnd] != .space { targetEnd -= 1 }
        guard targetEnd > methodEnd else { throw .badRequestLine }
        let target = (methodEnd + 1)..<targetEnd
        guard !target.isEmpty else { throw .badTarget }
        for octet in octets[target] where octet <= 0x20 || octet == 0x7F {
            throw octet == .carriageReturn ? .bareCarriageReturn(place) : .badTarget
        }
        let version = try HTTPVersion.parse(octets.part((targetEnd + 1)..<line.upperBound))
        return .request(method: line.lowerBound..<methodEnd, target: target, version)
    }

    private func statusLine(_ octets: UnsafeRawBufferPointer, _ line: Range<Int>) throws(MessageFailure) -> StartLine {
        guard line.count >= 9, octets[line.lowerBound + 8] == .space else { throw .badStatusLine }
        let version = try HTTPVersion.parse(octets.part(line.lowerBound..<(line.lowerBound + 8)))
        let digits = (line.lowerBound + 9)..<min(line.lowerBound + 12, line.upperBound)
        guard digits.count == 3, let status = octets.part(digits).decimal(), status >= 100 else {
            throw .badStatus(ByteString(octets.part(digits)))
        }
        guard digits.upperBound < line.upperBound else {
            return .response(version, status: status, reason: line.upperBound..<line.upperBound)
        }
        guard octets[digits.upperBound] == .space else { throw .badStatusLine }
        let reason = (digits.upperBound + 1)..<line.upperBound
        for octet in octets[reason] where !octet.isFieldValueCharacter {
            throw octet == .carriageReturn ? .bareCarriageReturn(place) : .badReason
        }
        return .response(version, status: status, reason: reason)
    }

    private mutating func readFieldLine(_ octets: UnsafeRawBufferPointer, _ line: Range<Int>) throws(MessageFailure) {
        guard lines.count < limits.fields else { throw .tooManyFields(limit: limits.fields) }
        let nameEnd = octets.endOfToken(line)
        guard nameEnd < line.upperBound, nameEnd > line.lowerBound, octets[nameEnd] == UInt8(ascii: ":") else {
            throw nameFailure(octets, line, at: nameEnd)
        }
        var start = nameEnd + 1
        var end = line.upperBound
        // With the name, which is fit: most lines have whole words then.
        guard octets.isFieldValue(line) else { throw valueFailure(octets, start..<end) }
        while start < end, octets[start].isOptionalWhitespace { start += 1 }
        while end > start, octets[end - 1].isOptionalWhitespace { end -= 1 }
        if lines.isEmpty { lines.reserveCapacity(24) }
        names.insert(NameSet(octets.part(line.lowerBound..<nameEnd)))
        lines.append(
            Headers.Line(
                nameStart: line.lowerBound - fieldsStart, nameEnd: nameEnd - fieldsStart,
                valueStart: start - fieldsStart, valueEnd: end - fieldsStart))
    }

    private func nameFailure(_ octets: UnsafeRawBufferPointer, _ line: Range<Int>, at position: Int) -> MessageFailure {
        guard position < line.upperBound else { return .missingColon(place) }
        let octet = octets[position]
        if octet == .carriageReturn { return .bareCarriageReturn(place) }
        if position == line.lowerBound {
            if octet == UInt8(ascii: ":") { return .emptyFieldName(place) }
            if octet.isOptionalWhitespace { return lines.isEmpty ? .whitespaceBeforeFields : .foldedLine(place) }
        }
        guard octet.isOptionalWhitespace else { return .badFieldName(octet, place) }
        let next = octets[position..<line.upperBound].first { !$0.isOptionalWhitespace }
        return next == UInt8(ascii: ":") ? .whitespaceBeforeColon(place) : .badFieldName(octet, place)
    }

    private func valueFailure(_ octets: UnsafeRawBufferPointer, _ value: Range<Int>) -> MessageFailure {
        let octet = octets[value].first { !$0.isFieldValueCharacter } ?? 0
        return octet == .carriageReturn ? .bareCarriageReturn(place) : .controlCharacter(octet, place)
    }
}
