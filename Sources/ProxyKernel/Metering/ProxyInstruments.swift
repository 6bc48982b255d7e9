import Observability

/// What is measured of connections and requests.
public struct ProxyInstruments: InstrumentTable {
    let clientConnections = Instrument(.counter, "weir_client_connections", "Connections of clients that were accepted.")
    let openClientConnections = Instrument(.gauge, "weir_open_client_connections", "Connections of clients that are open.")
    let serverConnections = Instrument(.counter, "weir_server_connections", "Connections to servers that were made.")
    let openServerConnections = Instrument(.gauge, "weir_open_server_connections", "Connections to servers that are open.")
    let connectFailures = Instrument(
        .counter, "weir_server_connect_failures", ["cause"], "Attempts to connect to a server that failed, by what failed.")
    let handshakes = Instrument(
        .counter, "weir_tls_handshakes", ["side"], "TLS handshakes that succeeded, with clients and servers.")
    let handshakeFailures = Instrument(
        .counter, "weir_tls_handshake_failures", ["side"], "TLS handshakes that failed, with clients and servers.")
    let bytes = Instrument(
        .counter, "weir_bytes", ["side", "direction"],
        "Bytes received and sent on connections with clients and servers, without what TLS adds.")
    let requests = Instrument(
        .counter, "weir_http_requests", ["version", "status"],
        "HTTP requests that are over, by the client's version and the class of the response's status; `none` without a response. CONNECT is left out."
    )
    let exchanges = Instrument(.counter, "weir_http_exchanges", "HTTP requests that began.")
    let openExchanges = Instrument(.gauge, "weir_open_http_exchanges", "HTTP requests that are not over.")
    let flows = Instrument(.gauge, "weir_flows", ["state"], "Flows that can be named: live ones, and ended ones in the store.")
    let storedBytes = Instrument(.gauge, "weir_flow_store_bytes", "Memory and files that the ended flows in the store take.")
    let evictedFlows = Instrument(.counter, "weir_flows_evicted", "Ended flows that have left the store for others.")
    let loopLag = Instrument(
        .histogram, "weir_event_loop_lag_seconds", ["loop"],
        "How long after its time something that was due ran on an event loop.")
    public let udpDrops = Instrument(.counter, "weir_udp_drops", ["kind"], "Datagrams that were dropped.")
    public let http2Floods = Instrument(.counter, "weir_http2_floods", ["kind"], "HTTP/2 connections that were ended as floods.")

    public static let table = ProxyInstruments()
}
