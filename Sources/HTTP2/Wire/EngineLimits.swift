import CNghttp2

/// How much a peer may ask of an HTTP/2 connection.
struct EngineLimits: Sendable {
    /// Those of every connection, which share them.
    static let standard = EngineLimits()

    /// Streams that a client may have open at a time.
    var concurrentStreams = 100
    /// Bytes of a body that may be under way to us and not yet passed on.
    var streamWindow = 512 * 1024
    /// Bytes of all bodies together that may be under way; taken in at once.
    var connectionWindow = 16 * 1024 * 1024
    /// Bytes of a field list, as RFC 9113 6.5.2 counts them.
    var fieldList = 256 * 1024
    /// For each kind of flood: how many are let through at once, and how many a second after that.
    var floods: [FloodGuard.Kind: (burst: Double, rate: Double)] = [
        .resets: (200, 50), .pings: (200, 20), .settings: (50, 5), .priorities: (2000, 200), .emptyData: (100, 10),
        .continuations: (7, 0),
    ]

    /// What we tell the peer at the start.
    func settings(_ role: Engine.Role) -> [nghttp2_settings_entry] {
        let common = [(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, streamWindow), (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, fieldList)]
        let own =
            switch role {
            case .client: [(NGHTTP2_SETTINGS_ENABLE_PUSH, 0)]
            case .server:
                [
                    (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, concurrentStreams),
                    (NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),
                ]
            }
        return (own + common).map { nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: UInt32($0.1)) }
    }
}
