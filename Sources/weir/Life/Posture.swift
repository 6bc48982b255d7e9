import CLinux
import Glibc

/// What the process forbids others and itself, whoever has started it.
enum Posture {
    /// Closes the memory and files of the process to others of the same user, keeps keys out of core dumps, and turns signals that would
    /// end it into errors of calls.
    static func harden() {
        _ = weir_set_dumpable(0)
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        signal(SIGPIPE, SIG_IGN)
        // A file that may not grow any more is a failed write.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Keeps what is open now from programs that are started: libraries open some descriptors without the flag.
    static func closeOnExec() { _ = close_range(UInt32(STDERR_FILENO) + 1, .max, closeOnExecFlag) }

    /// From <linux/close_range.h>.
    private static let closeOnExecFlag: CInt = 4
}
