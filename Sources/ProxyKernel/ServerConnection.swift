import FlowModel
import TLSEngine

/// A connection to a server that belongs to one client's session. Confined to the session's loop.
public final class ServerConnection {
    public let peer: Peer
    /// The key under which the session knows the peer.
    let peerKey: Int
    public var key: ServerKey
    public var record: Server { didSet { frozen = nil } }
    private var frozen: Frozen<Server>?
    /// The leaf that the server showed.
    var upstreamCertificate: Certificate?
    /// True once a whole exchange has gone through it.
    public var wasUsed = false
    public var isIdle = false
    /// Another client's before, and not used by this one yet: it may be about to end.
    public internal(set) var cameFromOthers = false
    /// It stands for somebody who has authenticated on it, for all that follows: no other client may have it.
    public var isPersonal = false
    /// Whoever uses it closes it, also when the client has left before.
    public var outlivesClient = false
    /// Who takes what comes while no exchange uses it.
    private(set) lazy var watcher = IdleServer(self)
    /// Carries many exchanges at a time, if the server speaks such a protocol.
    public internal(set) var multiplexer: (any Multiplexer)?

    init(peer: Peer, peerKey: Int, key: ServerKey, record: Server) {
        self.peer = peer
        self.peerKey = peerKey
        self.key = key
        self.record = record
    }

    /// Whether one more exchange may go through it.
    func hasRoom(forUpgrade: Bool) -> Bool {
        guard let multiplexer else { return isIdle }
        return multiplexer.hasRoom && (!forUpgrade || multiplexer.takesWebSockets)
    }

    /// For people: the server, and the proxy by which it is reached.
    public var name: String { "server \(key.address)" + (key.route.via.map { " by upstream proxy \($0.address)" } ?? "") }

    /// The record as flows share it.
    public var frozenRecord: Frozen<Server> {
        if let frozen { return frozen }
        let new = Frozen(record)
        frozen = new
        return new
    }
}
