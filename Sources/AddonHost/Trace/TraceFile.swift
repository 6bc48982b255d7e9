import Glibc
import Schema
import Synchronization

/// A transcript that is written to a file, readable by its owner, up to a size.
final class TraceFile: TraceSink {
    private let descriptor: OwnedDescriptor
    private let room: Mutex<Int>

    init(_ path: String, limit: Int) throws(AddonFailure) {
        let number = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard number >= 0 else { throw AddonFailure("'\(path)': \(String(cString: strerror(errno)))") }
        descriptor = OwnedDescriptor(number)
        room = Mutex(limit)
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw AddonFailure("'\(path)': not a file")
        }
        // A file that was there before keeps its mode otherwise.
        guard fchmod(number, 0o600) == 0 else { throw AddonFailure("'\(path)': \(String(cString: strerror(errno)))") }
    }

    func write(_ line: JSON) -> Bool {
        let bytes = line.encoded + [0x0A]
        let fits = room.withLock { room in
            room -= bytes.count
            return room >= 0
        }
        guard fits else {
            room.withLock { $0 = -1 }
            return false
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
