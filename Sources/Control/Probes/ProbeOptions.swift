import Schema

/// Where the operator's programs look at the proxy.
public struct ProbeOptions: OptionTable {
    public let listen = Option<String>(
        "metrics_listen", "", objection: { $0.isEmpty ? nil : ProbeAddress.objection($0) },
        "Where measurements for Prometheus (`/metrics`) and answers for probes (`/healthz`, `/readyz`) are to be had over HTTP: a loopback address and a port, such as `127.0.0.1:9464`, or a Unix socket, `unix:PATH`. Empty for nowhere."
    )

    public init() {}
    public static let table = ProbeOptions()
}
