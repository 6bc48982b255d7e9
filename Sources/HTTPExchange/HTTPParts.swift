import ProxyKernel

/// What the layers of HTTP are made with, whatever their version.
package struct HTTPParts: Sendable {
    /// How exchanges begin on connections to servers.
    package let serverStream: ServerStreamFactory
    /// What may follow a 101, in order of preference.
    package let upgrades: [UpgradeLayer]

    package init(serverStream: @escaping ServerStreamFactory, upgrades: [UpgradeLayer]) {
        self.serverStream = serverStream
        self.upgrades = upgrades
    }
}
