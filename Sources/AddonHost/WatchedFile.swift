import Glibc

/// A file that is looked at again and again, of an addon of mitmproxy with those that it imports from its own folder.
struct WatchedFile {
    private struct Stamp: Equatable {
        var inode: UInt64 = 0
        var size: Int64 = -1
        var seconds = 0
        var nanoseconds = 0
    }

    private var paths: [String]
    private let followsImports: Bool
    /// As it was when it was used.
    private var used: [Stamp]
    private var last: [Stamp]

    init(_ path: String, followsImports: Bool = false) {
        self.followsImports = followsImports
        paths = Self.paths(path, followsImports)
        used = paths.map(Self.stamp)
        last = used
    }

    /// Whether it is another one than before, and the same as at the last look: one that is being written is left to be finished.
    mutating func hasChanged() -> Bool {
        let stamps = paths.map(Self.stamp)
        // One that is gone may be on its way back, as editors do it. What it imports may be gone for good: perhaps it does no more.
        guard stamps[0].size >= 0, stamps == last, stamps != used else {
            last = stamps
            return false
        }
        paths = Self.paths(paths[0], followsImports)
        used = paths.map(Self.stamp)
        last = used
        return true
    }

    private static func paths(_ path: String, _ followsImports: Bool) -> [String] {
        [path] + (followsImports ? PythonImports.files(of: path) : [])
    }

    private static func stamp(_ path: String) -> Stamp {
        var status = stat()
        guard stat(path, &status) == 0 else { return Stamp() }
        return Stamp(
            inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec)
    }
}
