import FlowModel
import NIOCore

/// What one peer sends: whole messages and control frames (RFC 6455, 5.4 and 5.5), out of bytes that come in any pieces.
///
/// States: between messages, inside one, over; the last after a close frame or a violation, when everything further is dropped. Control
/// frames may come between a message's fragments. Compressed data is unpacked and text is checked as it comes, so that what is
/// too large or bad is found before the message is whole. When a connection ends is left to others.
package struct MessageReader {
    package enum Event: Equatable {
        case needMore
        case message(ReceivedMessage)
        case ping([UInt8])
        case pong([UInt8])
        case close(CloseFrame)
        case failed(Violation)
    }

    /// So many cuts of a message are remembered; what follows them goes on in one frame.
    private static let maximumCuts = 1024

    private struct Partial {
        var kind: WebSocketMessage.Kind
        var framed = FramedPayload()
        /// Only of a compressed message.
        var unpacked: [UInt8] = []
        var text = UTF8Progress()
    }

    private var frames: FrameParser
    private let limit: Int
    private let compression: Compression.Way?
    private var inflation: MessageInflation?
    private var present: FrameHead?
    /// Where in the message the present frame begins.
    private var frameStart = 0
    private var message: Partial?
    private var control: [UInt8] = []
    package private(set) var isOver = false

    /// `limit`: bytes of a message at most, packed as well as unpacked.
    package init(from sender: Sender, compression: Compression?, limit: Int) {
        frames = FrameParser(from: sender, knowsCompression: compression != nil)
        self.compression = compression?[sender]
        self.limit = limit
    }

    /// Bytes that were received and are not yet part of what `next` gave or of the present message.
    package var waiting: Int { isOver ? 0 : frames.waiting }
    /// Whether the bytes so far end inside a message or a frame.
    package var isInside: Bool { message != nil || present != nil || waiting > 0 }

    package mutating func received(_ bytes: ByteBuffer) {
        if !isOver { frames.received(bytes) }
    }

    package mutating func next() -> Event {
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
        guard isWhole else { return .needMore }
        self.present = nil
        guard present.isFinal else {
            remember(cutAfter: present)
            return nil
        }
        return try finish()
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
            message = Partial(kind: head.opcode == .text ? .text : .binary)
            message?.framed.isCompressed = head.isCompressed
            if head.isCompressed, inflation == nil {
                inflation = MessageInflation(keepsContext: compression?.keepsContext ?? true)
            }
        }
        frameStart = message?.framed.bytes.count ?? 0
        guard head.length <= limit - frameStart else { throw tooLarge }
        // What a head only claims is not set aside at once. Later frames make room by doubling: exact room for each would copy all of
        // the message each time.
        if frameStart == 0 { message?.framed.bytes.reserveCapacity(min(head.length, 1 << 16)) }
    }

    private var tooLarge: Violation {
        Violation(.tooLarge, expected: "messages of at most \(limit) bytes", found: "a larger one")
    }

    /// Takes in what has come of the present frame; true if it is complete.
    private mutating func takeData() throws(Violation) -> Bool {
        guard var message = self.message.take() else { return false }
        let before = message.framed.bytes.count
        let isWhole = frames.takePayload(into: &message.framed.bytes)
        let isCompressed = message.framed.isCompressed
        if isCompressed {
            let start = message.unpacked.count
            guard let inflation else { throw Self.noMemory }
            let result = message.framed.bytes.withUnsafeBytes { bytes in
                Result { () throws(InflationFailure) in
                    try inflation.inflate(.init(rebasing: bytes[before...]), to: &message.unpacked, limit: limit)
                }
            }
            try unpacked(result, of: &message, from: start)
        } else {
            try check(&message, message.framed.bytes, from: before)
        }
        self.message = message
        return isWhole
    }

    private mutating func finish() throws(Violation) -> Event? {
        guard var message = self.message.take() else { return nil }
        if message.framed.isCompressed {
            let start = message.unpacked.count
            guard let inflation else { throw Self.noMemory }
            let result = Result { () throws(InflationFailure) in try inflation.finish(to: &message.unpacked, limit: limit) }
            try unpacked(result, of: &message, from: start)
        }
        guard message.kind == .binary || message.text.isComplete else {
            throw Violation(.badContent, expected: "text in UTF-8", found: "the end within a character")
        }
        let content = message.framed.isCompressed ? message.unpacked : message.framed.bytes
        return .message(ReceivedMessage(message.kind, content, framed: message.framed))
    }

    /// What came out is looked at first, whatever is wrong with what follows it: the finding is the same in whatever pieces it came.
    private func unpacked(
        _ result: Result<Void, InflationFailure>, of message: inout Partial, from start: Int
    ) throws(Violation) {
        if message.unpacked.count > limit { message.unpacked.removeLast(message.unpacked.count - limit) }
        try check(&message, message.unpacked, from: start)
        guard case .failure(let failure) = result else { return }
        switch failure {
        case .tooLarge: throw tooLarge
        case .truncated: throw Violation(.badContent, expected: "whole deflate data", found: "it cut off")
        case .corrupt(let reason): throw Violation(.badContent, expected: "deflate data", found: "bad data (\(reason))")
        }
    }

    private static let noMemory = Violation(.internalError, expected: "memory for zlib", found: "none")

    private func check(_ message: inout Partial, _ bytes: [UInt8], from start: Int) throws(Violation) {
        guard message.kind == .text, start < bytes.count else { return }
        let isText = bytes.withUnsafeBytes { message.text.take(.init(rebasing: $0[start...])) }
        guard isText else { throw Violation(.badContent, expected: "text in UTF-8", found: "other bytes") }
    }

    private mutating func remember(cutAfter head: FrameHead) {
        guard let count = message?.framed.cuts.count else { return }
        if count < Self.maximumCuts { message?.framed.cuts.append(head.length) }
    }
}
