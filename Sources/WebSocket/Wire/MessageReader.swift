import FlowModel
import NIOCore

/// What one peer sends: whole messages and control frames (RFC 6455, 5.4 and 5.5), out of bytes that come in any pieces.
///
/// States: between messages, inside one, over; the last after a close frame or a violation, when everything further is dropped. Control
/// frames may come between a message's fragments. Compressed data is unpacked and text is checked as it comes, so that what is
/// too large or bad is found before the message is whole. When a connection ends is left to others.
///
/// A reader that `passes` gives out the bytes of messages' frames as they come, control frames taken out, once they were found to be right;
/// a message may then have any size, and is kept up to the limit.
public struct MessageReader {
    public enum Event: Equatable, Sendable {
        case needMore
        case message(ReceivedMessage)
        /// In the place of messages, from a reader that passes them.
        case passage(Passage)
        case ping([UInt8])
        case pong([UInt8])
        case close(CloseFrame)
        case failed(Violation)
    }

    /// So many cuts of a message are remembered; what follows them goes on in one frame.
    private static let maximumCuts = 1024

    private var frames: FrameParser
    private let limit: Int
    private let passes: Bool
    private let compression: Compression.Way?
    private var inflation: MessageInflation?
    private var present: FrameHead?
    private var message: PartialMessage?
    private var control: [UInt8] = []
    public private(set) var isOver = false

    /// `limit`: bytes of a message at most, packed as well as unpacked. With `passes` that is what is kept of it, unpacked.
    public init(from sender: Sender, compression: Compression?, limit: Int, passes: Bool = false) {
        frames = FrameParser(from: sender, knowsCompression: compression != nil)
        self.compression = compression?[sender]
        self.limit = limit
        self.passes = passes
    }

    /// Bytes that were received and are not yet part of what `next` gave or of the present message.
    public var waiting: Int { isOver ? 0 : frames.waiting }
    /// Whether the bytes so far end inside a message or a frame.
    public var isInside: Bool { message != nil || present != nil || waiting > 0 }
    /// Whether a message has begun and not ended.
    public var isInsideMessage: Bool { message != nil }

    public mutating func received(_ bytes: ByteBuffer) {
        if !isOver { frames.received(bytes) }
    }

    public mutating func next() -> Event {
        guard !isOver else { return .needMore }
        do throws(Violation) {
            while true {
                guard let event = try step() else { continue }
                if case .close = event { isOver = true }
                return event
            }
        } catch {
            isOver = true
            message = nil
            return .failed(error)
        }
    }

    /// Nil if there is more to do at once.
    private mutating func step() throws(Violation) -> Event? {
        guard let present else {
            guard let head = try frames.nextHead() else { return .needMore }
            try begin(head)
            return nil
        }
        if present.opcode.isControl {
            guard frames.takePayload(into: &control) else { return .needMore }
            self.present = nil
            defer { control = [] }
            switch present.opcode {
            case .ping: return .ping(control)
            case .pong: return .pong(control)
            default: return .close(try CloseFrame(payload: control))
            }
        }
        guard message != nil else { return .needMore }
        let isWhole = try takeData()
        if isWhole { self.present = nil }
        return passes ? try pass(present, isWhole: isWhole) : try gather(present, isWhole: isWhole)
    }

    private mutating func begin(_ head: FrameHead) throws(Violation) {
        present = head
        switch head.opcode {
        case .close, .ping, .pong: return
        case .continuation:
            guard message != nil else {
                throw .framing(expected: "a message's first frame", found: "a continuation of none")
            }
        case .text, .binary:
            guard message == nil else {
                throw .framing(expected: "the message's next fragment", found: "another message's first frame")
            }
            message = PartialMessage(head.opcode == .text ? .text : .binary)
            message?.framed.isCompressed = head.isCompressed
            if head.isCompressed, inflation == nil {
                inflation = MessageInflation(keepsContext: compression?.keepsContext ?? true)
            }
            // What a head only claims is not set aside at once. Later frames make room by doubling: exact room for each would copy all of
            // the message each time.
            message?.framed.bytes.reserveCapacity(min(head.length, limit, 1 << 16))
        }
        let frameStart = message?.framed.bytes.count ?? 0
        guard head.length > limit - frameStart else { return }
        guard passes else { throw .tooLarge(limit) }
        if message?.framed.isCompressed == false { message?.omit() }
    }

    /// Takes in what has come of the present frame; true if it is complete.
    private mutating func takeData() throws(Violation) -> Bool {
        guard var message = self.message.take() else { return false }
        var bytes: [UInt8] = []
        swap(&bytes, &message.framed.bytes)
        let before = bytes.count
        let isWhole = frames.takePayload(into: &bytes)
        let result = bytes.withUnsafeBytes { bytes in
            let piece = UnsafeRawBufferPointer(rebasing: bytes[before...])
            return Result { () throws(Violation) in try take(piece, into: &message) }
        }
        try result.get()
        swap(&bytes, &message.framed.bytes)
        if passes { message.forgetFrames() }
        self.message = message
        return isWhole
    }

    private func take(_ piece: UnsafeRawBufferPointer, into message: inout PartialMessage) throws(Violation) {
        guard message.framed.isCompressed else { return try message.check(piece) }
        try unpack(into: &message) { (inflation, take) throws(InflationFailure) in try inflation.inflate(piece, take: take) }
    }

    private func unpack(
        into message: inout PartialMessage,
        _ body: (MessageInflation, (UnsafeRawBufferPointer) -> Bool) throws(InflationFailure) -> Void
    ) throws(Violation) {
        guard let inflation else { throw Self.noMemory }
        do throws(InflationFailure) {
            try body(inflation) { message.unpack($0, limit: limit, passes: passes) }
        } catch {
            switch error {
            case .refused: throw message.finding ?? .tooLarge(limit)
            case .truncated: throw Violation(.badContent, expected: "whole deflate data", found: "it cut off")
            case .corrupt(let reason): throw Violation(.badContent, expected: "deflate data", found: "bad data (\(reason))")
            }
        }
    }

    private static let noMemory = Violation(.internalError, expected: "memory for zlib", found: "none")

    /// Takes the message out, of which all has come.
    private mutating func finish() throws(Violation) -> PartialMessage? {
        guard var message = self.message.take() else { return nil }
        if message.framed.isCompressed {
            try unpack(into: &message) { (inflation, take) throws(InflationFailure) in try inflation.finish(take: take) }
        }
        guard message.isComplete else {
            throw Violation(.badContent, expected: "text in UTF-8", found: "the end within a character")
        }
        return message
    }

    /// What there is to tell of a message that is kept until it is whole.
    private mutating func gather(_ frame: FrameHead, isWhole: Bool) throws(Violation) -> Event? {
        guard isWhole else { return .needMore }
        guard frame.isFinal else {
            remember(cutAfter: frame)
            return nil
        }
        return try finish().map { .message(ReceivedMessage($0.kind, $0.content, framed: $0.framed)) }
    }

    private mutating func remember(cutAfter head: FrameHead) {
        guard let count = message?.framed.cuts.count else { return }
        if count < Self.maximumCuts { message?.framed.cuts.append(head.length) }
    }

    /// What there is to pass on of a frame.
    private mutating func pass(_ frame: FrameHead, isWhole: Bool) throws(Violation) -> Event? {
        let message = isWhole && frame.isFinal ? try finish() : nil
        let bytes = frames.takePassage()
        guard bytes.readableBytes > 0 else { return .needMore }
        let passed = message.map { PassedMessage($0.kind, $0.isOmitted ? nil : $0.content) }
        return .passage(Passage(bytes, endsFrame: isWhole, message: passed))
    }
}
