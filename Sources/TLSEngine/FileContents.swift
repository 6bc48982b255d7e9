import Glibc

/// Small files of keys and certificates: read whole, and replaced so that nobody sees half of one.
public enum FileContents {
    /// More than any key file holds; keeps a wrong path, say a device, from filling the memory.
    public static let maximumLength = 4_194_304

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The file's permissions; nil if it is not there.
    static func mode(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    public static func read(_ path: String, atMost longest: Int = maximumLength) throws(TLSFailure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("cannot open \(path)") }
        defer { close(file) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot read \(path)") }
            guard count > 0 else { return contents }
            contents.append(contentsOf: chunk.prefix(count))
            guard contents.count <= longest else {
                throw TLSFailure(.configuration, reason: "\(path) is longer than \(longest) bytes")
            }
        }
    }

    /// Writes a file beside `path`, forces it to the disk and renames it over `path`.
    static func replace(_ path: String, with contents: [UInt8], mode: mode_t) throws(TLSFailure) {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw failure("cannot make \(temporary)") }
        var written = 0
        while written < contents.count {
            let count = contents.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress?.advanced(by: written), contents.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { break }
            written += count
        }
        let isSafe = written == contents.count && fsync(file) == 0
        guard close(file) == 0, isSafe, rename(temporary, path) == 0 else {
            let cause = failure("cannot write \(path)")
            unlink(temporary)
            throw cause
        }
    }

    /// Makes the folder and those above it; a folder made here has mode 0700.
    static func makeDirectory(_ path: String) throws(TLSFailure) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw failure("cannot make the folder \(path)")
        }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("cannot make the folder \(path)") }
    }

    /// Runs `body` while no other process or thread does so for the same folder.
    static func locking<Result>(_ directory: String, _ body: () throws(TLSFailure) -> Result) throws(TLSFailure) -> Result {
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw failure("cannot open the folder \(directory)") }
        defer { close(folder) }
        while flock(folder, LOCK_EX) != 0 {
            guard errno == EINTR else { throw failure("cannot lock the folder \(directory)") }
        }
        return try body()
    }

    private static func failure(_ subject: String) -> TLSFailure {
        TLSFailure(.configuration, reason: "\(subject): \(String(cString: strerror(errno)))")
    }
}
