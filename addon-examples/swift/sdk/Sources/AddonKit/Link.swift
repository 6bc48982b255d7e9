import Glibc
import Synchronization

/// The connection: lines as they come, and lines that are written whole.
final class Link: Sendable {
    static let maximumLine = 16 << 20
    private static let piece = 64 << 10

    private let input, output: Int32
    private let writing = Mutex(())

    /// Takes the descriptor of `WEIR_ADDON_FD`, else connects to `WEIR_ADDON_SOCKET`, else takes standard input and output.
    init() throws(Failure) {
        signal(SIGPIPE, SIG_IGN)
        if let number = getenv("WEIR_ADDON_FD") {
            (input, output) = (atoi(number), atoi(number))
        } else if let path = getenv("WEIR_ADDON_SOCKET") {
            let descriptor = try Self.connected(String(cString: path))
            (input, output) = (descriptor, descriptor)
        } else {
            (input, output) = (0, 1)
        }
    }

    private static func connected(_ path: String) throws(Failure) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un(sun_family: sa_family_t(AF_UNIX), sun_path: sockaddr_un().sun_path)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.dropLast().copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Failure("no connection to \(path): \(String(cString: strerror(errno)))") }
        return descriptor
    }

    /// Writes one line in one piece; what cannot be written is lost with the connection, which the reader sees.
    func send(_ line: [UInt8]) {
        writing.withLock { _ in
            line.withUnsafeBytes { line in
                var rest = line[...]
                while !rest.isEmpty {
                    let count = write(output, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count < 0, errno != EINTR { return }
                    rest = rest.dropFirst(max(count, 0))
                }
            }
        }
    }

    /// Calls back with each line until the connection ends.
    func read(_ receive: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
        var (room, filled) = (2 * Self.piece, 0)
        var octets = UnsafeMutablePointer<UInt8>.allocate(capacity: room)
        defer { octets.deallocate() }
        func resize(to count: Int) {
            let other = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
            other.update(from: octets, count: filled)
            octets.deallocate()
            (octets, room) = (other, count)
        }
        while true {
            if room - filled < Self.piece { resize(to: room * 2) }
            let count = Glibc.read(input, octets + filled, room - filled)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            var (start, from) = (0, filled)
            filled += count
            while let end = memchr(octets + from, 0x0A, filled - from) {
                let index = end - UnsafeMutableRawPointer(octets)
                try receive(UnsafeBufferPointer(start: octets + start, count: index - start))
                (start, from) = (index + 1, index + 1)
            }
            filled -= start
            memmove(octets, octets + start, filled)
            guard filled <= Self.maximumLine else { throw Failure("a line is longer than \(Self.maximumLine) octets") }
            // After a large line there may be none for long.
            if filled == 0, room > 1 << 20 { resize(to: 2 * Self.piece) }
        }
    }
}

/// Says something on standard error, which goes to Weir's log.
func complain(_ text: String) { _ = (text + "\n").withCString { write(2, $0, strlen($0)) } }
