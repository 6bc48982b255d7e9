import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// `block_list`: answers matching requests without the server, or closes the connection on them.
///
/// Of several values that match, the last one's status counts, but any 444 ends the flow. Interim statuses cannot be answered
/// with and are refused, as are all that mitmproxy does not know.
struct BlockList: Rule {
    static let grammar = "/filter/status"
    /// Closes the connection.
    private static let noResponse = 444

    let moments: [Moment] = [.request]
    private let rows: [(filter: Filter, status: Int)]

    var filters: [Filter] { rows.map(\.filter) }

    init?(_ settings: Settings) throws(OptionFailure) {
        rows = try RuleOptions.table.blockList.rows(settings, expected: Self.grammar, Self.row)
        if rows.isEmpty { return nil }
    }

    private static func row(_ text: String) throws(BadValue) -> (Filter, Int) {
        let parts = try Segments.split(text)
        guard parts.count == 2 else { throw BadValue("it has \(parts.count) part\(parts.count == 1 ? "" : "s"), not 2") }
        let digits = parts[1].drop { $0 == " " }.prefix { $0 != " " }
        guard let status = Int(digits), Statuses.reason[status] != nil else {
            throw BadValue("'\(parts[1])' is not a status to answer with")
        }
        return (try Segments.filter(parts[0]), status)
    }

    func apply(to flow: inout HTTPFlow, at _: Moment) throws(ProxyFailure) {
        guard flow.response == nil else { return }
        for (filter, status) in rows where filter.matches(flow) {
            flow.metadata.set("blocklisted", true)
            guard status != Self.noResponse else { throw .killed("option block_list: '\(filter)' closes the connection") }
            flow.response = .made(status)
        }
    }
}
