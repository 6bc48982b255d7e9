import FlowModel
import NIOCore
import WebSocket

/// A frame as bytes: the first byte whole, the length in its shortest form, masked with `mask` if there is one.
func frame(_ first: UInt8, _ payload: [UInt8] = [], mask: [UInt8]? = nil) -> [UInt8] {
    let bit: UInt8 = mask == nil ? 0 : 0x80
    var bytes = [first]
    switch payload.count {
    case ...125: bytes.append(bit | UInt8(payload.count))
    case ...0xFFFF: bytes += [bit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    default: bytes += [bit | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
    }
    guard let mask else { return bytes + payload }
    return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
}

/// The same from a client, with a key in which every bit counts.
func masked(_ first: UInt8, _ payload: [UInt8] = []) -> [UInt8] { frame(first, payload, mask: [0x37, 0xFA, 0x21, 0x3D]) }

func text(_ string: String) -> [UInt8] { Array(string.utf8) }

/// What a reader says until it wants more, or nothing more can come.
func hear(
    _ pieces: [[UInt8]], from sender: Sender = .server, _ compression: Compression? = nil, limit: Int = 1 << 20
) -> [MessageReader.Event] {
    var reader = MessageReader(from: sender, compression: compression, limit: limit)
    var heard: [MessageReader.Event] = []
    for piece in pieces {
        reader.received(ByteBuffer(bytes: piece))
        var event = reader.next()
        while event != .needMore {
            heard.append(event)
            event = reader.next()
        }
    }
    return heard
}

/// Every way to cut the input in two, and the one into single bytes.
func cuts(_ input: [UInt8]) -> [[[UInt8]]] {
    input.indices.map { [Array(input[..<$0]), Array(input[$0...])] } + [input.map { [$0] }]
}

/// A message that came uncompressed, in frames of these lengths and the rest.
func received(_ kind: WebSocketMessage.Kind, _ content: [UInt8], cuts: [Int] = []) -> MessageReader.Event {
    .message(ReceivedMessage(kind, content, framed: FramedPayload(bytes: content, cuts: cuts)))
}

func contents(_ events: [MessageReader.Event]) -> [[UInt8]] {
    events.compactMap { if case .message(let message) = $0 { message.content } else { nil } }
}

func messages(_ events: [MessageReader.Event]) -> [ReceivedMessage] {
    events.compactMap { if case .message(let message) = $0 { message } else { nil } }
}

extension [MessageReader.Event] {
    var failure: Violation? {
        if case .failed(let violation) = last { return violation }
        return nil
    }
}

/// What two have agreed on if the server answers with this field.
func agreed(_ field: String) throws -> Compression? {
    try Compression.agreed(in: Headers([("Sec-WebSocket-Extensions", field)]))
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
