import NIOCore

/// What one side of a connection has sent and nobody has seen yet, in the pieces in which it came. No I/O.
///
/// A piece is given out as one message, or as several if it is long. When very many wait, what comes joins the last: a peer that
/// sends single bytes must not cost a buffer for each.
struct WaitingPieces {
    /// So that a message fits, in base 64, into the line of a worker that states no limit.
    static let maximumMessage = 32 * 1024
    private static let maximumCount = 64

    private var pieces = CircularBuffer<(bytes: ByteBuffer, isJoinable: Bool)>()
    private(set) var bytes = 0

    var isEmpty: Bool { pieces.isEmpty }

    mutating func append(_ piece: ByteBuffer) {
        guard piece.readableBytes > 0 else { return }
        bytes += piece.readableBytes
        if pieces.count >= Self.maximumCount, let last = pieces.indices.last, pieces[last].isJoinable {
            pieces[last].bytes.writeImmutableBuffer(piece)
        } else {
            pieces.append((piece, true))
        }
    }

    /// A piece that is a message of its own whatever comes behind it.
    mutating func appendWhole(_ piece: ByteBuffer) {
        guard piece.readableBytes > 0 else { return }
        bytes += piece.readableBytes
        pieces.append((piece, false))
    }

    /// The next message; nil if none waits.
    mutating func next() -> ByteBuffer? {
        guard let first = pieces.first else { return nil }
        if first.bytes.readableBytes <= Self.maximumMessage {
            pieces.removeFirst()
            bytes -= first.bytes.readableBytes
            return first.bytes
        }
        let message = pieces[pieces.startIndex].bytes.readSlice(length: Self.maximumMessage)
        bytes -= Self.maximumMessage
        return message
    }

    mutating func removeAll() {
        pieces.removeAll()
        bytes = 0
    }
}
