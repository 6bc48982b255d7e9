import FlowModel
import Glibc
import NIOCore
import ProxyKernel

/// Files in memory that nobody can change any more, in which bodies go between the core and its workers.
///
/// All of it blocks for as long as copying takes.
enum SealedMemory {
    private static let getSeals: CInt = 1034

    /// A sealed copy of the bytes, with the position at their start.
    static func copy(_ bytes: ByteBuffer) throws(BodyFileFailure) -> OwnedDescriptor {
        let descriptor = OwnedDescriptor(try MemoryFile.make())
        try bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(BodyFileFailure) in try DescriptorBytes.write(bytes, to: descriptor.number, at: 0) }
        }.get()
        try MemoryFile.fix(descriptor.number)
        return descriptor
    }

    /// The bytes of a worker's memory file, which must be sealed and exactly as long as it said. They are copied, never mapped, and not
    /// looked at before the seals: nothing but a memory file has any, so that what is read cannot block, shrink or change.
    static func take(_ descriptor: OwnedDescriptor, size: Int, into store: BodyStore) throws(BodyFileFailure) -> Content {
        let seals = fcntl(descriptor.number, getSeals)
        guard seals >= 0 else {
            throw BodyFileFailure("expected a memory file (memfd_create), found a descriptor of another kind")
        }
        guard seals & MemoryFile.fixed == MemoryFile.fixed else {
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
            try DescriptorBytes.read(descriptor.number, from: 0, count: size, into: &buffer)
            return .bytes(buffer)
        }
        let file = try store.makeFile()
        try DescriptorBytes.read(descriptor.number, from: 0, count: size) { (piece) throws(BodyFileFailure) in
            try file.append(piece)
        }
        return .file(try file.finish())
    }
}
