import CLinux
import Glibc

/// The journal, by its native protocol: entries of named fields. From any thread.
public struct JournalSocket: Sendable {
    public static let standardPath = "/run/systemd/journal/socket"
    /// Longer entries go as a memory file at once; the system's own limit is found by trying.
    private static let longest = 128 << 10

    private let socket: DatagramSocket

    public init?(path: String = standardPath) {
        guard let socket = DatagramSocket(path) else { return nil }
        self.socket = socket
    }

    /// The journal if `stream`, the value of `JOURNAL_STREAM`, names the file that the descriptor is.
    init?(stream: String, descriptor: CInt) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, stream == "\(status.st_dev):\(status.st_ino)" else { return nil }
        self.init()
    }

    /// Sends an entry; false if the journal did not take it.
    public func send(_ fields: [JournalField]) -> Bool {
        let bytes = fields.reduce(into: [UInt8]()) { $1.write(to: &$0) }
        if bytes.count <= Self.longest {
            let result = socket.send(bytes, waits: false)
            if result == 0 { return true }
            guard result == EMSGSIZE || result == ENOBUFS else { return false }
        }
        return sendFile(bytes)
    }

    /// In a memory file that nobody can change any more, beside an empty datagram.
    private func sendFile(_ bytes: [UInt8]) -> Bool {
        let file = memfd_create("weir-journal", Self.closesOnExec | Self.takesSeals)
        guard file >= 0 else { return false }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        guard fcntl(file, Self.addSeals, Self.allSeals) == 0 else { return false }
        return socket.send([], descriptors: [file], waits: false) == 0
    }

    // From <linux/memfd.h> and <linux/fcntl.h>, of which Swift's module has none.
    private static let closesOnExec: UInt32 = 1
    private static let takesSeals: UInt32 = 2
    private static let addSeals: CInt = 1033
    private static let allSeals: CInt = 0xF
}

/// One field of a journal's entry. The journal drops fields whose names are none.
public struct JournalField: Sendable, Equatable {
    /// Capital letters, digits and `_`, a letter first; at most 64.
    public let name: String
    public let value: String

    /// Nil if the name is none that the journal takes from a client.
    public init?(_ name: String, _ value: String) {
        let bytes = name.utf8
        guard (1...64).contains(bytes.count), let first = bytes.first, (0x41...0x5A).contains(first),
            bytes.allSatisfy({ (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
        else { return nil }
        (self.name, self.value) = (name, value)
    }

    /// With a length where the value has an end of line.
    func write(to bytes: inout [UInt8]) {
        bytes += name.utf8
        if value.utf8.contains(0x0A) {
            bytes.append(0x0A)
            withUnsafeBytes(of: UInt64(value.utf8.count).littleEndian) { bytes += $0 }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        bytes += value.utf8
        bytes.append(0x0A)
    }
}
