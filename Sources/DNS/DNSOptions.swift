import FlowModel
import Schema

/// The settings of DNS.
public struct DNSOptions: OptionTable {
    public let nameServers = Option<[String]>(
        "dns_name_servers", [], objection: { $0.lazy.compactMap(NameServers.objection).first },
        "Name servers that mode `dns` asks, in this order, each `address[:port]`; by default those of /etc/resolv.conf.")
    public let useHostsFile = Option<Bool>(
        "dns_use_hosts_file", true, "Whether mode `dns` answers questions for addresses from /etc/hosts, where the name is there."
    )
    public let timeout = Option<Double>(
        "dns_timeout", 5, read: .whenUsed, objection: outside(0.01...86400),
        "Seconds that a server has for its answer; then the next one is asked, or the client told that there is none.")
    public let queries = Option<Int>(
        "dns_queries", 4096, read: .whenUsed, objection: outside(1...10_000_000),
        "Queries under way at a time, at most; more are answered with SERVFAIL.")

    public init() {}
    public static let table = DNSOptions()
}
