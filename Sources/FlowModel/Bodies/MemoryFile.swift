import Glibc

/// Files in memory, which can be made so that nobody changes them any more (memfd_create(2)).
///
/// The names of these calls and flags are hidden by glibc's Swift module.
public enum MemoryFile {
    private static let addSeals: CInt = 1033
    /// F_SEAL_SEAL, which holds the others.
    private static let seal: CInt = 1
    /// F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE: size and bytes stay as they are, whoever has the file mapped.
    public static let fixed: CInt = fixedSize | 8
    /// F_SEAL_SHRINK and F_SEAL_GROW.
    private static let fixedSize: CInt = 2 | 4
    /// MFD_CLOEXEC and MFD_ALLOW_SEALING; MFD_NOEXEC_SEAL, which systems may insist on, came with Linux 6.3.
    private static let flags: CUnsignedInt = 1 | 2
    private static let withoutExecution: CUnsignedInt = 8

    private static let create: (@convention(c) (UnsafePointer<CChar>, CUnsignedInt) -> CInt)? = {
        guard let symbol = dlsym(nil, "memfd_create") else { return nil }
        return unsafeBitCast(symbol, to: (@convention(c) (UnsafePointer<CChar>, CUnsignedInt) -> CInt).self)
    }()

    /// A new one, empty and not sealed; the caller owns it.
    public static func make() throws(BodyFileFailure) -> CInt {
        guard let create else { throw BodyFileFailure("the system has no memory files") }
        var number = create("weir-body", flags | withoutExecution)
        if number < 0, errno == EINVAL { number = create("weir-body", flags) }
        guard number >= 0 else { throw BodyFileFailure("no memory file for a body", errno: errno) }
        return number
    }

    /// A new one that everybody may write who has it, that keeps its size and can never be run; the caller owns it. Fails on
    /// a system before Linux 6.3.
    public static func makeShared(size: Int) throws(BodyFileFailure) -> CInt {
        guard let number = create?("weir-area", flags | withoutExecution), number >= 0 else {
            throw BodyFileFailure("no memory file that cannot be run", errno: create == nil ? ENOSYS : errno)
        }
        guard ftruncate(number, off_t(size)) == 0, fcntl(number, addSeals, seal | fixedSize) == 0 else {
            let reason = errno
            close(number)
            throw BodyFileFailure("a memory file of \(size) bytes cannot be made", errno: reason)
        }
        return number
    }

    public static func fix(_ descriptor: CInt) throws(BodyFileFailure) {
        guard fcntl(descriptor, addSeals, seal | fixed) == 0 else {
            throw BodyFileFailure("a memory file cannot be sealed", errno: errno)
        }
    }
}
