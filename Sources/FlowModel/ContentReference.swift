import NIOCore
import Schema

/// What a worker is shown in the place of a body that does not stand in the event.
package enum ContentReference: Sendable, Equatable {
    /// The body follows in pieces, as the stream of this number.
    case stream(Int)
    /// The body's first bytes; its size if that is known; whether that is all of it; and the stream that comes of it if more is asked for.
    case preview(ByteBuffer, size: Int?, isComplete: Bool, stream: Int)

    /// The members by which the forms are told apart.
    static let keys = ["stream"]

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
        }
        writer.endObject()
    }
}
