import NIOCore
import Schema

/// What a worker is shown in the place of a body that does not stand in the event.
public enum ContentReference: Sendable, Equatable {
    /// The body follows in pieces, as the stream of this number.
    case stream(Int)
    /// The body's first bytes; its size if that is known; whether that is all of it; and the stream that comes of it if more is asked for.
    case preview(ByteBuffer, size: Int?, isComplete: Bool, stream: Int)

    /// The body is in the descriptor of this number, which was sent beside the connection.
    case descriptor(Int, size: Int)
    /// The body stands in the file that worker and core share, `at` bytes behind its beginning, where an answer has `room`.
    case area(at: Int, size: Int, room: Int)
    /// The body is held until the event has ended, and can be read by this number.
    case held(Int, size: Int)

    /// The members by which the forms are told apart.
    static let keys = ["stream", "ref"]

    /// Of the whole body, in bytes, if it is known.
    var size: Int? {
        switch self {
        case .stream: nil
        case .preview(_, let size, _, _): size
        case .descriptor(_, let size), .held(_, let size), .area(_, let size, _): size
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        switch self {
        case .stream(let number):
            writer.key("stream")
            writer.int(number)
        case .preview(let bytes, let size, let isComplete, let stream):
            writer.key("preview")
            bytes.withUnsafeReadableBytes { writer.byteString($0) }
            writer.key("size")
            size.write(to: &writer)
            writer.key("complete")
            writer.bool(isComplete)
            writer.key("stream")
            writer.int(stream)
        case .descriptor(let number, let size):
            writer.key("fd")
            writer.int(number)
            writer.key("size")
            writer.int(size)
        case .area(let offset, let size, let room):
            writer.key("at")
            writer.int(offset)
            writer.key("size")
            writer.int(size)
            writer.key("room")
            writer.int(room)
        case .held(let number, let size):
            writer.key("ref")
            writer.int(number)
            writer.key("size")
            writer.int(size)
        }
        writer.endObject()
    }
}
