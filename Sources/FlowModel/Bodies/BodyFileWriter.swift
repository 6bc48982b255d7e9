import Glibc
import NIOCore

/// Writes a body into a new file without a name. One caller at a time; blocks.
///
/// Who drops it before `finish` has dropped the file.
public final class BodyFileWriter: @unchecked Sendable {
    /// Not with the constant's own name, which glibc's Swift module hides; the flag of folders is part of it on every processor.
    private static let temporary = 0o20000000 | O_DIRECTORY

    /// Nil for one in memory.
    private let folder: String?
    private var descriptor: CInt
    public private(set) var size = 0

    /// Makes the file in that folder, for its owner's eyes; the folder is made if it is not there, the one above it must be.
    public init(folder: String) throws(BodyFileFailure) {
        self.folder = folder
        if mkdir(folder, 0o700) != 0, errno != EEXIST { throw Self.failure(folder, errno) }
        // For reading alone, whoever opens it again: a worker that is shown the file must not be able to change it.
        descriptor = open(folder, O_RDWR | O_CLOEXEC | Self.temporary, 0o400)
        if descriptor < 0, errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT {
            descriptor = Self.unlinked(folder)
        }
        guard descriptor >= 0 else { throw Self.failure(folder, errno) }
    }

    /// Makes the file in memory; it cannot be changed once it is finished.
    public init() throws(BodyFileFailure) {
        folder = nil
        descriptor = try MemoryFile.make()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    public func append(_ bytes: ByteBuffer) throws(BodyFileFailure) {
        try bytes.withUnsafeReadableBytes { bytes in Result { () throws(BodyFileFailure) in try append(bytes) } }.get()
    }

    public func append(_ bytes: UnsafeRawBufferPointer) throws(BodyFileFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let written = pwrite(descriptor, part.baseAddress, part.count, off_t(size))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Self.failure(folder, written == 0 ? EIO : errno) }
            size += written
            rest = rest.dropFirst(written)
        }
    }

    /// The body as it was written. Nothing may be appended after it.
    public func finish() throws(BodyFileFailure) -> BodyFile {
        if folder == nil { try MemoryFile.fix(descriptor) }
        defer { descriptor = -1 }
        return BodyFile(owning: descriptor, size: size, isInMemory: folder == nil)
    }

    /// Where the file system has no files without a name: one whose name is gone at once.
    private static func unlinked(_ folder: String) -> CInt {
        var name = Array("\(folder)/body-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { return descriptor }
        unlink(name)
        fchmod(descriptor, 0o400)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func failure(_ folder: String?, _ code: Int32) -> BodyFileFailure {
        BodyFileFailure("a body cannot be held in a file in \(folder ?? "memory")", errno: code)
    }
}
