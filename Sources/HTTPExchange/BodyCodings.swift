import Codings
import FlowModel
import NIOCore

/// The content codings of one message, as its header names them: takes them off its body and puts them on again.
package struct BodyCodings: Equatable {
    package static let field = "Content-Encoding"
    /// What is unpacked at most; a worker could not be sent more.
    private static let limits = CodingLimits(maximumSize: 16 << 20)

    /// The values of `Content-Encoding`, joined with commas; empty if there is none.
    private let names: String

    package init(_ headers: Headers) {
        names = headers.values(Self.field).map(\.string).joined(separator: ", ")
    }

    package var isEmpty: Bool { names.isEmpty }

    /// The body without its codings. Throws if they are unknown, the data is bad, or more than 16 MiB come out.
    package func decode(_ body: ByteBuffer) throws(CodingFailure) -> ByteBuffer {
        let stack = try ContentCoding.stack(names)
        guard !stack.isEmpty, body.readableBytes > 0 else { return body }
        return ByteBuffer(bytes: try ContentDecoder.decode(Array(body.readableBytesView), codings: stack, limits: Self.limits))
    }

    /// The body without its codings; nil if it cannot be decoded.
    package func decoded(_ body: ByteBuffer) -> ByteBuffer? {
        do throws(CodingFailure) { return try decode(body) } catch { return nil }
    }

    /// The body with its codings put on.
    package func encode(_ body: ByteBuffer) throws(CodingFailure) -> ByteBuffer {
        let stack = try ContentCoding.stack(names)
        guard !stack.isEmpty else { return body }
        return ByteBuffer(bytes: try ContentEncoder.encode(Array(body.readableBytesView), codings: stack))
    }
}
