import NIOCore

/// What a protocol folder provides for datagrams: the program lists the protocols once.
public struct DatagramLayer: Sendable {
    /// As the `next_layer` event names it; nil for a mode that leaves nothing to be decided.
    public let name: String?
    public let claims: @Sendable (ModeKind) -> Bool
    /// Whether what it does for a client goes on while nothing is under way: then an idle association that must make room is a loss.
    public let remembers: Bool
    /// Makes what takes one client's datagrams, once the client has been let in.
    public let start: @Sendable (isolated Association) -> any DatagramConsumer

    public init(
        name: String?, claims: @escaping @Sendable (ModeKind) -> Bool, remembers: Bool,
        start: @escaping @Sendable (isolated Association) -> any DatagramConsumer
    ) {
        self.name = name
        self.claims = claims
        self.remembers = remembers
        self.start = start
    }
}

/// Who takes the datagrams of one client. Called on the association's loop only.
public protocol DatagramConsumer: AnyObject {
    func received(_ bytes: ByteBuffer, on association: isolated Association)
    /// The association is over. The last call. What there is still to do is work of the association, begun before this returns.
    func ended(_ end: AssociationEnd, on association: isolated Association)
}

/// Why an association is over.
public enum AssociationEnd: Sendable {
    /// Nothing came from either side for the time that `udp_timeout` says.
    case idle
    /// It had to make room for another, as the one that had been idle longest.
    case evicted
    /// Its own consumer has ended it.
    case left
    /// The program ends.
    case shutdown
}
