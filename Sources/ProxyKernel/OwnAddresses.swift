import FlowModel
import Synchronization

/// The addresses that this proxy listens on.
package final class OwnAddresses: Sendable {
    private let addresses = Mutex<[Address]>([])

    package init() {}

    package func add(_ address: Address) { addresses.withLock { $0.append(address) } }

    /// Whether a connection to `target` would come back to us. Names other than localhost are not resolved.
    package func contain(_ target: Address) -> Bool {
        let host = target.host.lowercased()
        let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        return addresses.withLock { own in
            own.contains { $0.port == target.port && ($0.host == host || isLoopback && ["", "0.0.0.0", "::", "127.0.0.1", "::1"].contains($0.host)) }
        }
    }
}
