import Glibc

/// A file that is looked at again and again.
struct WatchedFile {
    private struct Stamp: Equatable {
        var inode: UInt64 = 0
        var size: Int64 = -1
        var seconds = 0
        var nanoseconds = 0
    }

    private let path: String
    /// As it was when it was used.
    private var used: Stamp
    private var last: Stamp

    init(_ path: String) {
        self.path = path
        used = Self.stamp(path)
        last = used
    }

    /// Whether it is another one than before, and the same as at the last look: one that is being written is left to be finished.
    mutating func hasChanged() -> Bool {
        let stamp = Self.stamp(path)
        defer { last = stamp }
        // One that is gone may be on its way back, as editors do it.
        guard stamp.size >= 0, stamp == last, stamp != used else { return false }
        used = stamp
        return true
    }

    private static func stamp(_ path: String) -> Stamp {
        var status = stat()
        guard stat(path, &status) == 0 else { return Stamp() }
        return Stamp(
            inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec)
    }
}
