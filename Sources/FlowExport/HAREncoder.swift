import FlowModel
import Schema

/// Writes flows as an HTTP Archive 1.2, with the members and values of mitmproxy's `save.har`.
///
/// The file is `head`, each flow's `entry`, and `tail`, so it can be written while the flows come. Without its tail it is no JSON,
/// but `HARReader` reads its entries. An encoder keeps the ids of the last 16,384 server connections and nothing of the flows.
///
/// Where mitmproxy's values would be wrong they are right here: `headersSize` is the section's size on the wire; a body that is not
/// text in its charset is base 64, also in `postData`; every request with a body has `postData`; a body that was not kept has
/// its size and no `text`.
public struct HAREncoder {
    private var servers = RecentServers()
    private var hasEntries = false
    private let creatorVersion: String

    public init(creatorVersion: String) { self.creatorVersion = creatorVersion }

    /// What stands before the entries.
    public var head: [UInt8] {
        var writer = JSONWriter(capacity: 128)
        writer.value(["name": "weir", "version": .string(creatorVersion), "comment": ""])
        return Array(#"{"log":{"version":"1.2","creator":"#.utf8) + writer.bytes + Array(#","pages":[],"entries":["#.utf8)
    }

    /// What stands behind them.
    public static let tail = Array("\n]}}\n".utf8)

    /// The next entry on a line of its own, with the comma that it needs before it.
    public mutating func entry(_ flow: HTTPFlow) -> [UInt8] {
        var writer = JSONWriter(capacity: 4096)
        write(flow, to: &writer)
        defer { hasEntries = true }
        return Array((hasEntries ? ",\n" : "\n").utf8) + writer.bytes
    }

    private mutating func write(_ flow: HTTPFlow, to writer: inout JSONWriter) {
        let timings = HARTimings(flow, isNewServer: isNew(flow.server.value))
        writer.beginObject()
        writer.member("startedDateTime", HARTime.text(flow.request.timestampStart))
        writer.key("time")
        writer.double(timings.total)
        writer.key("request")
        Self.write(flow.request, to: &writer)
        writer.key("response")
        if let response = flow.response {
            Self.write(response, to: &writer)
        } else {
            Self.writeNoResponse(flow.error, to: &writer)
        }
        writer.key("cache")
        writer.value([:])
        writer.key("timings")
        writer.value(timings.json)
        if let peer = flow.server.value.peername { writer.member("serverIPAddress", peer.host) }
        if !flow.comment.isEmpty { writer.member("comment", flow.comment) }
        writer.endObject()
    }

    /// True once a connection, for the first flow that used it: that one took the time to connect.
    private mutating func isNew(_ server: Server) -> Bool {
        (server.timestampTCPSetup ?? 0) != 0 && servers.insert(server.id)
    }
}

/// The ids of the latest connections.
private struct RecentServers {
    private static let capacity = 16_384
    private var ids: Set<String> = []
    private var order: [String] = []
    private var next = 0

    /// False if the id was there.
    mutating func insert(_ id: String) -> Bool {
        guard ids.insert(id).inserted else { return false }
        if order.count < Self.capacity {
            order.append(id)
        } else {
            ids.remove(order[next])
            order[next] = id
            next = (next + 1) % Self.capacity
        }
        return true
    }
}

/// Where an entry's time went, in milliseconds; -1 for what did not happen.
struct HARTimings {
    private var connect = -1.0
    private var ssl = -1.0
    private var send = 0.0
    private var wait = 0.0
    private var receive = 0.0

    init(_ flow: HTTPFlow, isNewServer: Bool) {
        let (request, server) = (flow.request, flow.server.value)
        if isNewServer, let begun = server.timestampStart, let connected = server.timestampTCPSetup {
            connect = 1000 * (connected - begun)
            if let secured = server.tls.timestampSetup { ssl = 1000 * (secured - connected) }
        }
        if let sent = request.timestampEnd { send = 1000 * (sent - request.timestampStart) }
        guard let response = flow.response else { return }
        if let sent = request.timestampEnd { wait = 1000 * (response.timestampStart - sent) }
        if let received = response.timestampEnd { receive = 1000 * (received - response.timestampStart) }
    }

    var total: Double { [connect, ssl, send, receive, wait].filter { $0 >= 0 }.reduce(0, +) }

    var json: JSON {
        [
            "connect": .double(connect), "ssl": .double(ssl), "send": .double(send), "receive": .double(receive),
            "wait": .double(wait),
        ]
    }
}
