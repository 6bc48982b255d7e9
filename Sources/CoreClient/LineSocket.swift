import AddonWire
import Glibc

/// A blocking Unix-domain stream socket that sends and receives lines.
final class LineSocket {
    private let descriptor: Int32
    private let path: String
    private var splitter: LineSplitter
    private var lines: [[UInt8]] = []

    /// Connects to the socket at `path`. Each wait for the other side ends after `seconds`.
    init(_ path: String, seconds: Int, longestLine: Int) throws(CoreClientFailure) {
        self.path = path
        splitter = LineSplitter(limit: longestLine)
        var address = sockaddr_un()
        guard !path.isEmpty, path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .connection("socket '\(path)': a socket's path has 1 to 107 bytes")
        }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .connection("socket '\(path)': \(Self.reason(errno))") }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            let number = errno
            let hint = number == ENOENT || number == ECONNREFUSED ? "; is a core running with --addon-socket?" : ""
            throw .connection("socket '\(path)': \(Self.reason(number))\(hint)")
        }
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func send(_ line: [UInt8]) throws(CoreClientFailure) {
        var rest = line[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { throw failure(errno) }
            rest = rest.dropFirst(sent)
        }
    }

    /// The next line, without its LF.
    func receive() throws(CoreClientFailure) -> [UInt8] {
        while lines.isEmpty {
            let chunk = try read()
            var found: [[UInt8]] = []
            do {
                try chunk.withUnsafeBytes { bytes in try splitter.feed(bytes) { found.append(Array($0)) } }
            } catch {
                throw .connection("socket '\(path)': the core sent a line of more than \(splitter.limit) bytes")
            }
            lines = found.reversed()
        }
        return lines.removeLast()
    }

    private func read() throws(CoreClientFailure) -> [UInt8] {
        while true {
            var count = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, filled in
                count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                filled = max(count, 0)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            guard count > 0 else {
                throw .connection("socket '\(path)': the core closed the connection; its log says why")
            }
            return chunk
        }
    }

    private func failure(_ number: Int32) -> CoreClientFailure {
        if number == EAGAIN { return .connection("socket '\(path)': the core did not answer in time") }
        return .connection("socket '\(path)': \(Self.reason(number))")
    }

    private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
