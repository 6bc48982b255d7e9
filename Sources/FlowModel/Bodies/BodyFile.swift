import Glibc
import NIOCore

/// A body that is held in a file without a name, from its first byte to its last. From any thread.
///
/// It owns the descriptor: when nobody holds the body any more, the file is gone and the disk has its space back. Two are equal if they
/// are the same. Reads block.
public final class BodyFile: Sendable, Equatable {
    /// In bytes.
    public let size: Int
    /// Whether it is a file in memory, which ended flows do not keep.
    public let isInMemory: Bool
    private let descriptor: CInt

    /// Takes over a descriptor of a regular file that has `size` bytes and does not change any more.
    public init(owning descriptor: CInt, size: Int, isInMemory: Bool = false) {
        self.descriptor = descriptor
        self.isInMemory = isInMemory
        self.size = size
    }

    deinit { close(descriptor) }

    public static func == (left: BodyFile, right: BodyFile) -> Bool { left === right }

    /// The bytes from `offset` on: `count` of them, or as many as there are before the end.
    public func read(at offset: Int, count: Int) throws(BodyFileFailure) -> ByteBuffer {
        let wanted = max(0, min(count, size - offset))
        var buffer = ByteBufferAllocator().buffer(capacity: wanted)
        try DescriptorBytes.read(descriptor, from: offset, count: wanted, into: &buffer)
        return buffer
    }

    /// Hands out every byte in order, in pieces of at most 256 KiB.
    public func eachPiece(
        _ body: (UnsafeRawBufferPointer) throws(BodyFileFailure) -> Void
    ) throws(BodyFileFailure) {
        try DescriptorBytes.read(descriptor, from: 0, count: size, body)
    }

    /// Another descriptor of the file, of which nothing but reading can be done; the caller owns it.
    public func openReadOnly() throws(BodyFileFailure) -> CInt {
        // A duplicate would be open for writing, too.
        let other = open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC)
        guard other >= 0 else { throw BodyFileFailure("a body's file cannot be opened again", errno: errno) }
        return other
    }
}

/// Why a body cannot be written to a file or read from one: a sentence for people.
public struct BodyFileFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
    public init(_ what: String, errno code: Int32) { self.init("\(what): \(String(cString: strerror(code)))") }
}

/// Reads of a file by position, so that nobody else's place in it matters.
public enum DescriptorBytes {
    private static let piece = 256 * 1024

    /// Hands out `count` bytes from `offset` on, in pieces; fails if there are fewer.
    public static func read(
        _ descriptor: CInt, from offset: Int, count: Int, _ body: (UnsafeRawBufferPointer) throws(BodyFileFailure) -> Void
    ) throws(BodyFileFailure) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, min(piece, count)), alignment: 16)
        defer { room.deallocate() }
        var done = 0
        while done < count {
            let got = try some(descriptor, from: offset + done, atMost: count - done, into: room)
            try body(UnsafeRawBufferPointer(rebasing: room[..<got]))
            done += got
        }
    }

    /// Appends them.
    public static func read(
        _ descriptor: CInt, from offset: Int, count: Int, into buffer: inout ByteBuffer
    ) throws(BodyFileFailure) {
        var done = 0
        while done < count {
            var got = Result<Int, BodyFileFailure>.success(0)
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count - done) { room in
                got = Result { () throws(BodyFileFailure) in
                    try some(descriptor, from: offset + done, atMost: count - done, into: room)
                }
                return (try? got.get()) ?? 0
            }
            done += try got.get()
        }
    }

    /// Writes all of them.
    public static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: CInt, at offset: Int
    ) throws(BodyFileFailure) {
        var done = 0
        while done < bytes.count {
            let written = pwrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset + done))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                throw BodyFileFailure("a body does not fit a memory file", errno: written == 0 ? ENOSPC : errno)
            }
            done += written
        }
    }

    /// How many it has read: at least one, at most `limit`.
    private static func some(
        _ descriptor: CInt, from offset: Int, atMost limit: Int, into room: UnsafeMutableRawBufferPointer
    ) throws(BodyFileFailure) -> Int {
        while true {
            let got = pread(descriptor, room.baseAddress, min(room.count, limit), off_t(offset))
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw BodyFileFailure("a body cannot be read from its file", errno: errno) }
            guard got > 0 else { throw BodyFileFailure("a body's file ends after \(offset) of \(offset + limit) bytes") }
            return got
        }
    }
}
