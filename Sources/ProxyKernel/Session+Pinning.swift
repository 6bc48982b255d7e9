import FlowModel
import NIOCore
import Schema
import TLSEngine

/// Learning which servers' clients accept no certificate but the server's own.
extension Session {
    /// The server's name for that, with its port; nil where nothing is learned.
    func pinnableHost(_ hello: ClientHello) -> String? {
        guard services.settings[ProxyOptions.table.passthroughAfter] > 0, let target = ground.target else { return nil }
        return Address(host: (hello.serverName ?? target.host).lowercased(), port: target.port).description
    }

    /// Whether the connection is passed through, because others to the same server failed.
    func isPinned(_ hello: ClientHello) -> Bool {
        guard let host = pinnableHost(hello), services.pinned.passes(host) else { return false }
        log(.debug, "\(clientRecord.peername): TLS with \(host) is passed through")
        return true
    }

    /// The client did not accept our certificate.
    func rejected(_ hello: ClientHello) {
        guard let host = pinnableHost(hello) else { return }
        let limit = services.settings[ProxyOptions.table.passthroughAfter]
        let seconds = services.settings[ProxyOptions.table.passthroughSeconds]
        guard services.pinned.rejected(host, limit: limit, time: .seconds(Int64(seconds))) else { return }
        log(
            .warning,
            "TLS with \(host) is passed through for \(seconds) seconds: clients rejected our certificate \(limit) times in a row")
    }
}
