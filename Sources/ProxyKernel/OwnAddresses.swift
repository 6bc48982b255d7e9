import FlowModel
import Synchronization

/// The addresses that this proxy listens on.
public final class OwnAddresses: Sendable {
    private let addresses = Mutex<[(address: Address, transport: Transport)]>([])

    public init() {}

    public func add(_ address: Address, _ transport: Transport = .tcp) {
        addresses.withLock { $0.append((address, transport)) }
    }

    /// Whether what is sent to `target` would come back to us. Names other than localhost are not resolved.
    public func contain(_ target: Address, _ transport: Transport = .tcp) -> Bool {
        let host = target.host.lowercased()
        let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        return addresses.withLock { own in
            own.contains { own in
                own.transport == transport && own.address.port == target.port
                    && (own.address.host == host
                        || isLoopback && ["", "0.0.0.0", "::", "127.0.0.1", "::1"].contains(own.address.host))
            }
        }
    }
}
