import Glibc

/// Files in memory, which can be made so that nobody changes them any more (memfd_create(2)).
///
/// The names of these calls and flags are hidden by glibc's Swift module.
public enum MemoryFile {
    private static let addSeals: CInt = 1033
    /// F_SEAL_SEAL, which holds the others.
    private static let seal: CInt = 1
    /// F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE: size and bytes stay as they are, whoever has the file mapped.
    public static let fixed: CInt = 2 | 4 | 8
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

    public static func fix(_ descriptor: CInt) throws(BodyFileFailure) {
        guard fcntl(descriptor, addSeals, seal | fixed) == 0 else {
            throw BodyFileFailure("a memory file cannot be sealed", errno: errno)
        }
    }
}
