import FlowModel
import NIOCore
import ProxyKernel

/// What the layers of HTTP are made with, whatever their version.
public struct HTTPParts: Sendable {
    /// How exchanges begin on connections to servers.
    public let serverStream: ServerStreamFactory
    /// What may follow a 101, in order of preference.
    public let upgrades: [UpgradeLayer]
    /// Nil if nobody can go on in HTTP/2 without TLS.
    public var cleartextUpgrade: CleartextUpgrade?

    public init(serverStream: @escaping ServerStreamFactory, upgrades: [UpgradeLayer]) {
        self.serverStream = serverStream
        self.upgrades = upgrades
    }
}

/// Goes on in HTTP/2 behind a request that asked for it with these settings, and answers it there; false if they are not valid.
public typealias CleartextUpgrade = @Sendable (Request, _ settings: [UInt8], _ early: ByteBuffer, isolated Session) -> Bool
