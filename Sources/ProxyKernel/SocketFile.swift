import Glibc

/// The path of a Unix-domain socket at which the proxy is to listen.
public enum SocketFile {
    /// Why none can be opened there: a sentence for people that begins with the path.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
        init(_ description: String) { self.description = description }
    }

    /// Refuses folders where others could put their own socket in our place, and sockets that are in use.
    public static func clear(_ path: String) throws(Failure) {
        guard !path.isEmpty, path.utf8.count < 108 else {
            throw Failure("'\(path)': a socket's path has 1 to 107 bytes")
        }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var status = stat()
        guard stat(folder, &status) == 0 else {
            throw Failure("'\(path)': folder '\(folder)': \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IWOTH == 0 || status.st_mode & S_ISVTX != 0 else {
            throw Failure("'\(path)': anybody may replace files in folder '\(folder)'")
        }
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Failure("'\(path)': there is a file that is no socket")
        }
        guard !answers(path) else { throw Failure("'\(path)': another process listens there") }
        unlink(path)
    }

    private static func answers(_ path: String) -> Bool {
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return true }
        defer { Glibc.close(probe) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 || errno != ECONNREFUSED
    }
}
