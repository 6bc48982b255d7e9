import Schema

/// Where the operator's programs look at the proxy.
package struct ProbeOptions: OptionTable {
    package let listen = Option<String>(
        "metrics_listen", "", objection: { $0.isEmpty ? nil : ProbeAddress.objection($0) },
        "Where measurements for Prometheus (`/metrics`) and answers for probes (`/healthz`, `/readyz`) are to be had over HTTP: a loopback address and a port, such as `127.0.0.1:9464`, or a Unix socket, `unix:PATH`. Empty for nowhere."
    )

    package init() {}
    package static let table = ProbeOptions()
}
