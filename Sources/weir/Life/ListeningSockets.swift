import FlowModel
import Glibc
import NIOCore
import ProxyKernel
import Schema
import Systemd

/// A bound socket of a mode, which does not accept yet if we have made it ourselves.
struct ListeningSocket {
    let number: CInt
    let transport: Transport
    /// Others hold it too: it goes on when we end.
    let isInherited: Bool
    /// By which a successor finds it.
    let name: String
}

/// The sockets of all modes: those that were opened for us, and those that we bind ourselves. They are bound before anything is
/// given up that binding needs.
enum ListeningSockets {
    /// Names that stand for the first mode: what systemd and systemd-socket-activate say where nobody has said anything, and what
    /// fits every mode.
    private static let first = ["http", "weir.socket", "unknown"]

    /// Why a socket cannot be had: a sentence for people.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// By the modes' places. Takes from `descriptors` what belongs to a mode: for each of its transports all sockets of its name, or
    /// one that is bound as the mode and the options say.
    static func open(
        _ modes: [ModeSpec], _ settings: Settings, _ descriptors: inout ListenDescriptors
    ) throws(Failure) -> [[ListeningSocket]] {
        var result: [[ListeningSocket]] = []
        for (index, (mode, name)) in zip(modes, names(of: modes)).enumerated() {
            var sockets: [ListeningSocket] = []
            for transport in mode.kind.transports {
                let inherited = names(name, at: index).flatMap { take($0, transport, &descriptors) }
                let port = sockets.first.flatMap { Self.port(of: $0.number) }
                sockets += try inherited.isEmpty ? [bind(mode, name, transport, port, settings)] : inherited
            }
            result.append(sockets)
        }
        return result
    }

    /// The modes for which no socket is passed.
    static func binding(_ modes: [ModeSpec], _ descriptors: ListenDescriptors) -> [ModeSpec] {
        let passed = Set(descriptors.rest.map(\.name))
        return zip(modes, names(of: modes)).enumerated().compactMap { index, mode in
            passed.isDisjoint(with: names(mode.1, at: index)) ? mode.0 : nil
        }
    }

    /// All names by which a mode's sockets are found.
    private static func names(_ name: String, at index: Int) -> [String] { [name] + (index == 0 ? first : []) }

    /// A name for each mode that has no colon: the word that the mode begins with, and from the second of a word on `-2`, `-3`, …
    static func names(of modes: [ModeSpec]) -> [String] {
        var counts: [String: Int] = [:]
        return modes.map { mode in
            let word = mode.description.lowercased().prefix { $0 != ":" && $0 != "@" }.trimmingPrefix { $0 == " " }
            let count = counts[String(word), default: 0] + 1
            counts[String(word)] = count
            return count == 1 ? String(word) : "\(word)-\(count)"
        }
    }

    /// What nobody has taken is a mistake in the units, or in the options: it would be a port where nobody answers.
    static func refuse(_ rest: [ListenDescriptors.Descriptor], _ modes: [ModeSpec]) throws(Failure) {
        guard let descriptor = rest.first else { return }
        let names = (first + names(of: modes) + [Inheritance.addonsName]).joined(separator: ", ")
        let kind =
            switch DescriptorKind(descriptor.number) {
            case .streams: "a TCP socket"
            case .datagrams: "a UDP socket"
            case .local: "a socket with a path"
            case .other: "no listening socket"
            }
        throw Failure(
            description:
                "descriptor \(descriptor.number) was passed as '\(descriptor.name)' and is \(kind), which no mode wants; names are \(names)"
        )
    }

    private static func take(
        _ name: String, _ transport: Transport, _ descriptors: inout ListenDescriptors
    ) -> [ListeningSocket] {
        var result: [ListeningSocket] = []
        let kind: DescriptorKind = transport == .tcp ? .streams : .datagrams
        while let number = descriptors.take(named: name, where: { DescriptorKind($0) == kind }) {
            _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
            result.append(ListeningSocket(number: number, transport: transport, isInherited: true, name: name))
        }
        return result
    }

    private static func port(of number: CInt) -> Int? { Self.address(of: number)?.port }

    static func address(of number: CInt) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard getsockname(number, address, &length) == 0 else { return nil }
                switch CInt(address.pointee.sa_family) {
                case AF_INET:
                    return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
                case AF_INET6:
                    return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
                default: return nil
                }
            }
        }
    }

    private static func bind(
        _ mode: ModeSpec, _ name: String, _ transport: Transport, _ port: Int?, _ settings: Settings
    ) throws(Failure) -> ListeningSocket {
        let host = mode.listenHost ?? settings[ProxyOptions.table.listenHost]
        let number = mode.listenPort ?? settings[ProxyOptions.table.listenPort] ?? mode.kind.defaultPort
        do {
            let socket = try bind(host, port ?? number, transport)
            return ListeningSocket(number: socket, transport: transport, isInherited: false, name: name)
        } catch {
            throw refusal(mode, settings, error)
        }
    }

    /// What is said where the mode's address cannot be had.
    static func refusal(_ mode: ModeSpec, _ settings: Settings, _ error: any Error) -> Failure {
        let host = mode.listenHost ?? settings[ProxyOptions.table.listenHost]
        let number = mode.listenPort ?? settings[ProxyOptions.table.listenPort] ?? mode.kind.defaultPort
        let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        return Failure(description: "cannot listen at \(host.isEmpty ? "*" : host):\(number) for mode \(mode): \(reason)")
    }

    /// No host means all addresses: both families where there is IPv6, else IPv4.
    private static func bind(_ host: String, _ port: Int, _ transport: Transport) throws -> CInt {
        guard host.isEmpty else { return try bind(SocketAddress.makeAddressResolvingHost(host, port: port), transport) }
        do {
            return try bind(SocketAddress(ipAddress: "::", port: port), transport)
        } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
            return try bind(SocketAddress(ipAddress: "0.0.0.0", port: port), transport)
        }
    }

    private static func bind(_ address: SocketAddress, _ transport: Transport) throws -> CInt {
        let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        let flags = SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let family: CInt =
            switch address {
            case .v4: AF_INET
            default: AF_INET6
            }
        let number = socket(family, CInt(type.rawValue | flags), 0)
        guard number >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        var on: CInt = 1
        if transport == .tcp { setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size)) }
        guard address.withSockAddr({ Glibc.bind(number, $0, socklen_t($1)) }) == 0 else {
            let reason = errno
            close(number)
            throw IOError(errnoCode: reason, reason: "bind")
        }
        return number
    }
}
