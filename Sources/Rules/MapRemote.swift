import FlowModel
import HTTPExchange
import Logging
import ProxyKernel
import Schema

/// `map_remote`: rewrites the URLs of requests, one value after the other, each seeing what those before it made.
struct MapRemote: Rule {
    static let grammar = "[/filter]/pattern/replacement"

    private struct Row {
        let filter: Filter?
        let replacement: Replacement

        init(_ text: String) throws(BadValue) {
            let segments = try Segments(text)
            filter = segments.filter
            let regex = try Segments.regex(Array(segments.subject.utf8))
            replacement = try Segments.replacement(Array(segments.replacement.utf8), for: regex)
        }
    }

    let moments: [Moment] = [.request]
    private let rows: [Row]
    private let logger: Logger

    var filters: [Filter] { rows.compactMap(\.filter) }

    init?(_ settings: Settings, _ logger: Logger) throws(OptionFailure) {
        rows = try RuleOptions.table.mapRemote.rows(settings, expected: Self.grammar) { (text) throws(BadValue) in try Row(text) }
        self.logger = logger
        if rows.isEmpty { return nil }
    }

    func apply(to flow: inout HTTPFlow, at _: Moment) {
        guard flow.response == nil else { return }
        for row in rows where row.filter?.matches(flow) ?? true {
            let old = flow.request.prettyURL
            guard let octets = row.replacement.replacingMatches(in: Array(old.utf8)) else { continue }
            let new = String(decoding: octets, as: UTF8.self)
            // Left alone otherwise: moving it would also make host and Host the same.
            guard new != old else { continue }
            if !flow.request.move(to: new) {
                logger.warning("option map_remote: \(old) stays where it is, '\(new)' is not an http or https URL")
            }
        }
    }
}
