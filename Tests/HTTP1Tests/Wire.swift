import FlowModel
import HTTP1
import NIOCore

/// What a parser said, with body slices joined so that it does not depend on how the input was cut.
enum Heard: Equatable {
    case request(RequestHead, Framing)
    case informational(ResponseHead)
    case response(ResponseHead, Framing)
    case body([UInt8])
    case end(Headers?)
    case closed
    case failed(MessageFailure)
    /// The parser waits although the input is closed: held or detached.
    case waiting
}

extension [Heard] {
    mutating func add(body: ByteBuffer) {
        if case .body(let before) = last {
            self[count - 1] = .body(before + Array(body.readableBytesView))
        } else {
            append(.body(Array(body.readableBytesView)))
        }
    }

    var failure: MessageFailure? {
        if case .failed(let failure) = last { return failure }
        return nil
    }
}

/// Octets from text in which every scalar is one octet, so that 0x80-0xFF can be written.
func octets(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

/// Feeds the pieces, then the end of input, and collects what a request parser says.
func hearRequests(_ pieces: [[UInt8]], limits: Limits = Limits()) -> [Heard] {
    var parser = RequestParser(limits: limits)
    var heard: [Heard] = []
    for piece in pieces + [nil] as [[UInt8]?] {
        if let piece { parser.received(ByteBuffer(bytes: piece)) } else { parser.inputClosed() }
        var isOver = false
        while !isOver {
            switch parser.next() {
            case .needMore:
                if piece == nil { heard.append(.waiting) }
                isOver = true
            case .head(let head, let framing): heard.append(.request(head, framing))
            case .body(let bytes): heard.add(body: bytes)
            case .end(let trailers): heard.append(.end(trailers))
            case .closed:
                heard.append(.closed)
                return heard
            case .failed(let failure):
                heard.append(.failed(failure))
                return heard
            }
        }
    }
    return heard
}

/// The same for a response parser that expects answers to these methods.
func hearResponses(_ pieces: [[UInt8]], to methods: [String] = ["GET"], limits: Limits = Limits()) -> [Heard] {
    var parser = ResponseParser(limits: limits)
    for method in methods { parser.expectResponse(toMethod: ByteString(method)) }
    var heard: [Heard] = []
    for piece in pieces + [nil] as [[UInt8]?] {
        if let piece { parser.received(ByteBuffer(bytes: piece)) } else { parser.inputClosed() }
        var isOver = false
        while !isOver {
            switch parser.next() {
            case .needMore:
                if piece == nil { heard.append(.waiting) }
                isOver = true
            case .informational(let head): heard.append(.informational(head))
            case .head(let head, let framing): heard.append(.response(head, framing))
            case .body(let bytes): heard.add(body: bytes)
            case .end(let trailers): heard.append(.end(trailers))
            case .closed:
                heard.append(.closed)
                return heard
            case .failed(let failure):
                heard.append(.failed(failure))
                return heard
            }
        }
    }
    return heard
}

func hearRequests(_ text: String, limits: Limits = Limits()) -> [Heard] {
    hearRequests([octets(text)], limits: limits)
}

func hearResponses(_ text: String, to methods: [String] = ["GET"], limits: Limits = Limits()) -> [Heard] {
    hearResponses([octets(text)], to: methods, limits: limits)
}

/// Every way to cut the input in two, and the one into single octets.
func cuts(_ input: [UInt8]) -> [[[UInt8]]] {
    input.indices.map { [Array(input[..<$0]), Array(input[$0...])] } + [input.map { [$0] }]
}

/// A generator of the same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
