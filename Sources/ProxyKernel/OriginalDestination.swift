import FlowModel
import Glibc
import NIOCore

/// Where a client wanted to go before the system's firewall redirected it to us (Linux: iptables and nft REDIRECT or DNAT).
enum OriginalDestination {
    /// `SO_ORIGINAL_DST` for IPv4 and `IP6T_SO_ORIGINAL_DST` for IPv6 have one number; the headers that define them clash with others.
    private static let option = NIOBSDSocket.Option(rawValue: 80)

    /// Nil if the system knows of no redirection. Called on the channel's loop.
    static func of(_ channel: any Channel) -> Address? {
        guard let socket = channel as? any SocketOptionProvider, let ours = channel.localAddress else { return nil }
        let found: SocketAddress?
        if case .v6 = ours, Address(ours).unmapped == Address(ours) {
            let address: sockaddr_in6? = read(socket, .ipv6)
            found = address.map { SocketAddress($0, host: "") }
        } else {
            let address: sockaddr_in? = read(socket, .ip)
            found = address.map { SocketAddress($0, host: "") }
        }
        guard let found, Address(found) != Address(ours).unmapped else { return nil }
        return Address(found)
    }

    private static func read<Value: Sendable>(_ socket: any SocketOptionProvider, _ level: NIOBSDSocket.OptionLevel) -> Value? {
        var value: Value?
        let answer: EventLoopFuture<Value> = socket.unsafeGetSocketOption(level: level, name: option)
        // On its loop it is there at once.
        answer.assumeIsolated().whenSuccess { value = $0 }
        return value
    }
}

extension Address {
    /// An IPv4 address that stands in an IPv6 one, as IPv4; any other as it is.
    var unmapped: Address {
        let prefix = "::ffff:"
        guard host.lowercased().hasPrefix(prefix), host.contains(".") else { return self }
        return Address(host: String(host.dropFirst(prefix.count)), port: port)
    }
}
