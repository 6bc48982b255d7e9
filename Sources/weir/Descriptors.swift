import Glibc

/// Sockets are the proxy's raw material: it takes as many as it may have, not as many as a shell gives by default.
enum Descriptors {
    /// Raises the number of files that may be open to what the system allows. Where that fails, the default stays.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
