import Glibc

/// Files of the operator's. Reads block the caller; they are meant for files on local disks.
enum LocalFile {
    /// What is read at most, in bytes.
    static let maximumSize = 256 << 20

    /// The path with the caller's home in the place of a leading `~`.
    static func expanded(_ path: String) -> String {
        guard path == "~" || path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
        return String(cString: home) + path.dropFirst()
    }

    /// The absolute path without symbolic links; nil if there is nothing there.
    static func resolved(_ path: String) -> String? {
        guard !path.utf8.contains(0), let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// Whether a regular file is there, behind symbolic links if there are some.
    static func isFile(_ path: String) -> Bool {
        var status = stat()
        return !path.utf8.contains(0) && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The path below a folder that a name from outside means; nil if the name leads out of the folder.
    static func joined(_ folder: String, _ name: String) -> String? {
        guard !name.hasPrefix("/"), !name.utf8.contains(0) else { return nil }
        let parts = name.split(separator: "/").filter { $0 != "." }
        guard !parts.contains("..") else { return nil }
        return ([folder] + parts.map(String.init)).joined(separator: "/")
    }

    static func read(_ path: String) throws(BadValue) -> [UInt8] {
        guard !path.utf8.contains(0) else { throw BadValue("the path holds a NUL character") }
        // Without waiting: at a pipe, opening would take until somebody writes.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw BadValue("cannot open '\(path)': \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw BadValue("'\(path)' is not a file") }
        guard status.st_size <= maximumSize else { throw BadValue("'\(path)' is longer than \(maximumSize) bytes") }
        var octets: [UInt8] = []
        octets.reserveCapacity(Int(status.st_size))
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw BadValue("cannot read '\(path)': \(String(cString: strerror(errno)))") }
            if count == 0 { return octets }
            octets += chunk[..<count]
            guard octets.count <= maximumSize else { throw BadValue("'\(path)' is longer than \(maximumSize) bytes") }
        }
    }
}
