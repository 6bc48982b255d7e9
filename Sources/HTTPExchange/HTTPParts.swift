import FlowModel
import NIOCore
import ProxyKernel

/// What the layers of HTTP are made with, whatever their version.
package struct HTTPParts: Sendable {
    /// How exchanges begin on connections to servers.
    package let serverStream: ServerStreamFactory
    /// What may follow a 101, in order of preference.
    package let upgrades: [UpgradeLayer]
    /// Nil if nobody can go on in HTTP/2 without TLS.
    package var cleartextUpgrade: CleartextUpgrade?

    package init(serverStream: @escaping ServerStreamFactory, upgrades: [UpgradeLayer]) {
        self.serverStream = serverStream
        self.upgrades = upgrades
    }
}

/// Goes on in HTTP/2 behind a request that asked for it with these settings, and answers it there; false if they are not valid.
package typealias CleartextUpgrade = @Sendable (Request, _ settings: [UInt8], _ early: ByteBuffer, isolated Session) -> Bool
