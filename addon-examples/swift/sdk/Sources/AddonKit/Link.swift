import Glibc

/// The connection: lines as they come, and lines that are written whole. C's streams have the lock and what is left of
/// a line.
final class Link: Sendable {
    static let maximumLine = 16 << 20

    nonisolated(unsafe) private let input: UnsafeMutablePointer<FILE>
    nonisolated(unsafe) private let output: UnsafeMutablePointer<FILE>

    /// Takes the descriptor of `WEIR_ADDON_FD`, else connects to `WEIR_ADDON_SOCKET`, else takes standard input and
    /// output.
    init() throws {
        signal(SIGPIPE, SIG_IGN)
        var (from, to): (Int32, Int32) = (0, 1)
        if let number = getenv("WEIR_ADDON_FD") {
            (from, to) = (atoi(number), atoi(number))
        } else if let path = getenv("WEIR_ADDON_SOCKET") {
            from = try Self.connected(String(cString: path))
            to = from
        }
        guard let input = fdopen(from, "r"), let output = fdopen(to, "w") else {
            throw Failure("no connection at descriptor \(from): \(reason)")
        }
        setvbuf(input, nil, _IOFBF, 64 << 10)
        setvbuf(output, nil, _IONBF, 0)  // one write for each line
        (self.input, self.output) = (input, output)
    }

    private static func connected(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un(sun_family: sa_family_t(AF_UNIX), sun_path: sockaddr_un().sun_path)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.dropLast().copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Failure("no connection to \(path): \(reason)") }
        return descriptor
    }

    /// What cannot be written is lost with the connection, which the reader sees.
    func send(_ line: [UInt8]) { fwrite(line, 1, line.count, output) }

    /// Calls back with each line until the connection ends. For threads of Dispatch, which no signal interrupts.
    func read(_ receive: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
        var (line, room): (UnsafeMutablePointer<CChar>?, Int) = (nil, 0)
        defer { free(line) }
        while true {
            let count = getline(&line, &room, input) - 1
            let octets = UnsafeRawPointer(line)?.assumingMemoryBound(to: UInt8.self)
            guard count >= 0, octets?[count] == 0x0A else { return }
            guard count <= Self.maximumLine else { throw Failure("a line is longer than \(Self.maximumLine) octets") }
            try receive(UnsafeBufferPointer(start: octets, count: count))
            guard room > 1 << 20 else { continue }
            free(line)  // after a large line there may be none for long
            (line, room) = (nil, 0)
        }
    }
}

private var reason: String { String(cString: strerror(errno)) }

/// Says something on standard error, which goes to Weir's log.
func complain(_ text: String) { _ = (text + "\n").withCString { write(2, $0, strlen($0)) } }
