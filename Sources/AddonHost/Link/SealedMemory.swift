import FlowModel
import Glibc
import NIOCore
import ProxyKernel

/// Files in memory that nobody can change any more (memfd_create(2)), in which bodies go between the core and its workers.
///
/// The names of these calls and flags are hidden by glibc's Swift module. All of it blocks for as long as copying takes.
enum SealedMemory {
    private static let addSeals: CInt = 1033
    private static let getSeals: CInt = 1034
    /// F_SEAL_SEAL, which holds the others.
    private static let seal: CInt = 1
    /// F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE: size and bytes stay as they are, whoever has the file mapped.
    private static let fixed: CInt = 2 | 4 | 8
    /// MFD_CLOEXEC and MFD_ALLOW_SEALING; MFD_NOEXEC_SEAL, which systems may insist on, came with Linux 6.3.
    private static let flags: CUnsignedInt = 1 | 2
    private static let withoutExecution: CUnsignedInt = 8

    private static let create: (@convention(c) (UnsafePointer<CChar>, CUnsignedInt) -> CInt)? = {
        guard let symbol = dlsym(nil, "memfd_create") else { return nil }
        return unsafeBitCast(symbol, to: (@convention(c) (UnsafePointer<CChar>, CUnsignedInt) -> CInt).self)
    }()

    /// A sealed copy of the bytes, with the position at their start.
    static func copy(_ bytes: ByteBuffer) throws(BodyFileFailure) -> OwnedDescriptor {
        guard let create else { throw BodyFileFailure("the system has no memory files") }
        var number = create("weir-body", flags | withoutExecution)
        if number < 0, errno == EINVAL { number = create("weir-body", flags) }
        guard number >= 0 else { throw BodyFileFailure("no memory file for a body", errno: errno) }
        let descriptor = OwnedDescriptor(number)
        var done = 0
        while done < bytes.readableBytes {
            let written = bytes.withUnsafeReadableBytes { bytes in
                pwrite(number, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(done))
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                throw BodyFileFailure("a body does not fit a memory file", errno: written == 0 ? ENOSPC : errno)
            }
            done += written
        }
        guard fcntl(number, addSeals, seal | fixed) == 0 else {
            throw BodyFileFailure("a memory file cannot be sealed", errno: errno)
        }
        return descriptor
    }

    /// The bytes of a worker's memory file, which must be sealed and exactly as long as it said. They are copied, never mapped, and not
    /// looked at before the seals: nothing but a memory file has any, so that what is read cannot block, shrink or change.
    static func take(_ descriptor: OwnedDescriptor, size: Int, into store: BodyStore) throws(BodyFileFailure) -> Content {
        let seals = fcntl(descriptor.number, getSeals)
        guard seals >= 0 else {
            throw BodyFileFailure("expected a memory file (memfd_create), found a descriptor of another kind")
        }
        guard seals & fixed == fixed else {
            throw BodyFileFailure("expected a memory file with the seals WRITE, SHRINK and GROW, found the seals \(seals)")
        }
        var status = stat()
        guard fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw BodyFileFailure("expected a regular memory file")
        }
        guard status.st_size == size else {
            throw BodyFileFailure("expected a memory file of \(size) bytes, as the answer says, found one of \(status.st_size)")
        }
        guard size <= store.limit else {
            throw BodyFileFailure("a body of \(size) bytes is larger than the \(store.limit) that may be held")
        }
        guard size > store.memoryLimit else {
            var buffer = ByteBufferAllocator().buffer(capacity: size)
            try DescriptorBytes.read(descriptor.number, from: 0, count: size) { buffer.writeBytes($0) }
            return .bytes(buffer)
        }
        let file = try store.makeFile()
        try DescriptorBytes.read(descriptor.number, from: 0, count: size) { (piece) throws(BodyFileFailure) in
            try file.append(piece)
        }
        return .file(file.finish())
    }
}
