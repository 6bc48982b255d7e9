import Glibc

/// The sockets and other descriptors that were opened for this process: by systemd, or by its predecessor.
///
/// Whoever takes one owns it from then on; what nobody takes stays open, so that `rest` can be told of.
public struct ListenDescriptors: Sendable {
    public struct Descriptor: Sendable, Equatable {
        /// As `FileDescriptorName=` says; `unknown` if nothing was said.
        public let name: String
        public let number: CInt
    }

    /// What is wrong with the variables: a sentence for people.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// Those that nobody has taken.
    public private(set) var rest: [Descriptor]

    public init() { rest = [] }

    /// Reads `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`: none if they are for another process. The descriptors are closed on exec
    /// from here on. `names` are lost if there are not as many as descriptors.
    init(_ variables: [String: String], isForUs: Bool) throws(Failure) {
        rest = []
        guard let text = variables["LISTEN_FDS"], isForUs else { return }
        guard let count = Int32(text), (0...Self.most).contains(count) else {
            throw Failure(description: "LISTEN_FDS: expected 0 to \(Self.most), found '\(text)'")
        }
        let names = (variables["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        for index in 0..<count {
            let number = Self.first + index
            // They come without the flag, and would go on to every worker.
            guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else {
                throw Failure(description: "LISTEN_FDS=\(count), but descriptor \(number) is not open")
            }
            let name = names.count == Int(count) ? names[Int(index)] : ""
            rest.append(Descriptor(name: name.isEmpty ? "unknown" : name, number: number))
        }
    }

    /// Takes the first of that name that satisfies the claim.
    public mutating func take(named name: String, where claim: (CInt) -> Bool = { _ in true }) -> CInt? {
        guard let index = rest.firstIndex(where: { $0.name == name && claim($0.number) }) else { return nil }
        return rest.remove(at: index).number
    }

    /// The number of the first one: SD_LISTEN_FDS_START.
    public static let first: CInt = 3
    private static let most: Int32 = 1024
}

/// What a descriptor is.
public enum DescriptorKind: Sendable, Equatable {
    /// A listening socket of TCP; one of UDP that is bound; a listening socket with a path.
    case streams, datagrams, local
    case other

    public init(_ number: CInt) {
        var (type, listens, size) = (CInt(0), CInt(0), socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isNamed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(number, $0, &length) == 0 }
        }
        guard isNamed, getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) == 0 else {
            self = .other
            return
        }
        getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size)
        let isStream = type == CInt(SOCK_STREAM.rawValue) && listens != 0
        switch (CInt(address.ss_family), isStream) {
        case (AF_INET, true), (AF_INET6, true): self = .streams
        case (AF_INET, false), (AF_INET6, false): self = type == CInt(SOCK_DGRAM.rawValue) ? .datagrams : .other
        case (AF_UNIX, true): self = .local
        default: self = .other
        }
    }
}
