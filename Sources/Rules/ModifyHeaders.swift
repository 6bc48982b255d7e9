import FlowModel
import Logging
import ProxyKernel
import Schema

/// `modify_headers`: removes, replaces and adds fields of requests and responses as soon as their head is there.
///
/// All filters are asked first, then all names that matched are removed, then the values added: two values of one name add two
/// lines. A value is what the wire can carry: whitespace around it, such as the last line break of a file, is left out.
struct ModifyHeaders: Rule {
    static let grammar = "[/filter]/name/[@]value"

    private struct Row {
        let filter: Filter?
        let name: String
        let value: ReplacementText

        init(_ text: String) throws(BadValue) {
            let segments = try Segments(text)
            filter = segments.filter
            let name = ByteString(try Escapes.undo(segments.subject))
            guard Headers.isName(name) else { throw BadValue("'\(name)' is not a field name (RFC 9110 5.1)") }
            self.name = name.string
            value = try ReplacementText(segments.replacement)
            _ = try fieldValue()
        }

        /// The value as it can stand in a header.
        func fieldValue() throws(BadValue) -> ByteString {
            let isBlank: (UInt8) -> Bool = { $0.isOptionalWhitespace || $0 == 0x0A || $0 == 0x0D }
            var octets = try value.read()[...].drop(while: isBlank)
            while let last = octets.last, isBlank(last) { octets.removeLast() }
            let value = ByteString(octets)
            guard Headers.isValue(value) else { throw BadValue("the value holds a control character") }
            return value
        }
    }

    let moments: [Moment] = [.requestHead, .responseHead]
    private let rows: [Row]
    private let logger: Logger

    var filters: [Filter] { rows.compactMap(\.filter) }

    init?(_ settings: Settings, _ logger: Logger) throws(OptionFailure) {
        rows = try RuleOptions.table.modifyHeaders.rows(settings, expected: Self.grammar) { (text) throws(BadValue) in
            try Row(text)
        }
        self.logger = logger
        if rows.isEmpty { return nil }
    }

    func apply(to flow: inout HTTPFlow, at moment: Moment) {
        if moment == .responseHead {
            guard var headers = flow.response?.headers else { return }
            modify(&headers, of: flow)
            flow.response?.headers = headers
        } else if flow.response == nil {
            var headers = flow.request.headers
            modify(&headers, of: flow)
            flow.request.headers = headers
        }
    }

    private func modify(_ headers: inout Headers, of flow: HTTPFlow) {
        let rows = rows.filter { $0.filter?.matches(flow) ?? true }
        for row in rows { headers.remove(named: row.name) }
        for row in rows {
            do throws(BadValue) {
                let value = try row.fieldValue()
                if !value.isEmpty { headers.append(name: ByteString(row.name), value: value) }
            } catch {
                logger.warning("option modify_headers: \(row.name) is left out: \(error.why)")
            }
        }
    }
}
