import FlowModel
import NIOCore

/// Reads one body by its framing and says where it ends.
///
/// States: one a case of `State`; terminal are `finished` and a failure. Octets are handed on as slices as soon as they are there,
/// so a chunk may come in several pieces and its extension is dropped. Rules: RFC 9112 6.3 and 7.1, with whitespace around a chunk
/// size and every line end but CRLF refused; trailer fields that RFC 9110 6.5.1 forbids are dropped.
struct BodyParser {
    /// What the input amounts to.
    enum Step {
        case needMore
        case bytes(ByteBuffer)
        case end(trailers: Headers?)
        case failed(MessageFailure)
    }

    private enum State {
        case counted(remaining: Int)
        case chunkSize(scanned: Int)
        case chunkData(remaining: Int)
        case chunkEnd
        // Apart, since it is ten times as large as the others.
        indirect case trailers(HeadParser)
        case untilClose
        case finished
    }

    private let limits: Limits
    private let expected: Int?
    private var state: State
    private var received = 0
    private var chunks = 0

    init(_ framing: Framing, limits: Limits) {
        self.limits = limits
        switch framing {
        case .none:
            (expected, state) = (0, .finished)
        case .length(let length):
            (expected, state) = (length, .counted(remaining: length))
        case .chunked:
            (expected, state) = (nil, .chunkSize(scanned: 0))
        case .untilClose:
            (expected, state) = (nil, .untilClose)
        }
    }

    /// The next step; after `.end` and `.failed` there is none, and the caller must not ask.
    mutating func next(_ input: inout Input) -> Step {
        do throws(MessageFailure) {
            while true {
                if let step = try advance(&input) { return step }
            }
        } catch {
            return .failed(error)
        }
    }

    /// One transition; nil when another one may follow at once.
    private mutating func advance(_ input: inout Input) throws(MessageFailure) -> Step? {
        switch state {
        case .counted(0), .finished:
            state = .finished
            return .end(trailers: nil)
        case .counted(let remaining):
            guard let bytes = take(&input, atMost: remaining) else { return try needMore(input) }
            state = .counted(remaining: remaining - bytes.readableBytes)
            return .bytes(bytes)
        case .chunkSize(let scanned):
            return try readChunkSize(&input, from: scanned)
        case .chunkData(let remaining):
            guard let bytes = take(&input, atMost: remaining) else { return try needMore(input) }
            let rest = remaining - bytes.readableBytes
            state = rest == 0 ? .chunkEnd : .chunkData(remaining: rest)
            return .bytes(bytes)
        case .chunkEnd:
            return try readChunkEnd(&input)
        case .trailers(var parser):
            return try readTrailers(&input, &parser)
        case .untilClose:
            if let bytes = take(&input, atMost: .max) { return .bytes(bytes) }
            guard input.isClosed else { return .needMore }
            state = .finished
            return .end(trailers: nil)
        }
    }

    private func needMore(_ input: Input) throws(MessageFailure) -> Step {
        if input.isClosed { throw .closedInBody(received: received, expected: expected) }
        return .needMore
    }

    private mutating func take(_ input: inout Input, atMost limit: Int) -> ByteBuffer? {
        let length = min(limit, input.buffer.readableBytes)
        guard length > 0, let bytes = input.buffer.readSlice(length: length) else { return nil }
        received += length
        return bytes
    }

    /// As many digits as an Int of 64 bits has; more could only be leading zeros, which nobody sends in earnest.
    private static let mostDigits = 16

    private mutating func readChunkSize(_ input: inout Input, from scanned: Int) throws(MessageFailure) -> Step? {
        let place = MessageFailure.Place(.chunkSize, line: chunks + 1)
        let limit = limits.chunkExtension
        let found = input.buffer.withUnsafeReadableBytes { octets -> Result<(length: Int, size: Int)?, MessageFailure> in
            let lineFeed = octets.lineFeed(from: scanned)
            if lineFeed ?? octets.count > Self.mostDigits + limit + 1 { return .failure(.chunkExtensionTooLong(limit: limit)) }
            guard let lineFeed else { return .success(nil) }
            guard lineFeed > 0, octets[lineFeed - 1] == .carriageReturn else { return .failure(.bareLineFeed(place)) }
            do throws(MessageFailure) {
                return .success((lineFeed + 1, try chunkSize(octets.part(0..<(lineFeed - 1)), place)))
            } catch {
                return .failure(error)
            }
        }
        guard let line = try found.get() else {
            state = .chunkSize(scanned: input.buffer.readableBytes)
            return try needMore(input)
        }
        input.buffer.moveReaderIndex(forwardBy: line.length)
        chunks += 1
        state = line.size == 0 ? .trailers(HeadParser(.trailers, limits: limits)) : .chunkData(remaining: line.size)
        return nil
    }

    private func chunkSize(_ line: UnsafeRawBufferPointer, _ place: MessageFailure.Place) throws(MessageFailure) -> Int {
        var size = 0
        var digits = 0
        while digits < line.count, let digit = line[digits].hexadecimalDigit {
            guard digits < Self.mostDigits, size <= Int.max >> 4 else { throw .chunkTooLarge }
            size = size << 4 | digit
            digits += 1
        }
        guard digits > 0 else { throw .badChunkSize }
        guard digits < line.count else { return size }
        guard line[digits] == UInt8(ascii: ";") else {
            throw line[digits] == .carriageReturn ? .bareCarriageReturn(place) : .badChunkSize
        }
        guard line.count - digits <= limits.chunkExtension else { throw .chunkExtensionTooLong(limit: limits.chunkExtension) }
        for octet in line[digits...] where !octet.isFieldValueCharacter {
            throw octet == .carriageReturn ? .bareCarriageReturn(place) : .badChunkExtension
        }
        return size
    }

    private mutating func readChunkEnd(_ input: inout Input) throws(MessageFailure) -> Step? {
        let (first, second) = input.buffer.withUnsafeReadableBytes { ($0.first, $0.dropFirst().first) }
        guard first ?? .carriageReturn == .carriageReturn, second ?? .lineFeed == .lineFeed else { throw .missingChunkEnd }
        guard second != nil else { return try needMore(input) }
        input.buffer.moveReaderIndex(forwardBy: 2)
        state = .chunkSize(scanned: 0)
        return nil
    }

    private mutating func readTrailers(_ input: inout Input, _ parser: inout HeadParser) throws(MessageFailure) -> Step? {
        switch parser.read(input.buffer) {
        case .incomplete:
            state = .trailers(parser)
            return try needMore(input)
        case .failed(let failure):
            throw failure
        case .complete(let length):
            var trailers = parser.takeHeaders(input.buffer, length: length)
            input.buffer.moveReaderIndex(forwardBy: length)
            trailers.removeForbiddenTrailers()
            state = .finished
            return .end(trailers: trailers.isEmpty ? nil : trailers)
        }
    }
}

extension UInt8 {
    /// 0 to 15 for a hexadecimal digit of either case.
    fileprivate var hexadecimalDigit: Int? {
        if isDigit { return Int(self - 0x30) }
        let letter = asciiLowercased &- UInt8(ascii: "a")
        return letter < 6 ? Int(letter) + 10 : nil
    }
}
