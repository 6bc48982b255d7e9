import Codings
import FlowModel
import HTTPExchange
import Logging
import NIOCore
import ProxyKernel
import Schema

/// `modify_body`: replaces parts of bodies, without their content codings, which are put back on behind.
struct ModifyBody: Rule {
    static let grammar = "[/filter]/pattern/[@]replacement"

    private struct Row {
        let filter: Filter?
        let regex: RegularExpression
        let text: ReplacementText

        init(_ text: String) throws(BadValue) {
            let segments = try Segments(text)
            filter = segments.filter
            regex = try Segments.regex(try Escapes.undo(segments.subject), .dotAll)
            self.text = try ReplacementText(segments.replacement)
            _ = try replacement()
        }

        func replacement() throws(BadValue) -> Replacement { try Segments.replacement(try text.read(), for: regex) }
    }

    let moments: [Moment] = [.request, .response]
    private let rows: [Row]
    private let logger: Logger

    var filters: [Filter] { rows.compactMap(\.filter) }

    init?(_ settings: Settings, _ logger: Logger) throws(OptionFailure) {
        rows = try RuleOptions.table.modifyBody.rows(settings, expected: Self.grammar) { (text) throws(BadValue) in
            try Row(text)
        }
        self.logger = logger
        if rows.isEmpty { return nil }
    }

    func needsContent(at _: Moment, of flow: HTTPFlow) -> Bool { rows.contains { $0.filter?.matches(flow) ?? true } }

    func apply(to flow: inout HTTPFlow, at moment: Moment) {
        if moment == .request, flow.response != nil { return }
        for row in rows where row.filter?.matches(flow) ?? true {
            let message: (content: Content, headers: Headers)
            if let response = flow.response {
                message = (response.content, response.headers)
            } else {
                message = (flow.request.content, flow.request.headers)
            }
            do throws(BadValue) {
                guard let content = try modified(message.content, BodyCodings(message.headers), row) else { continue }
                if flow.response != nil { flow.response?.content = content } else { flow.request.content = content }
            } catch {
                let side = flow.response == nil ? "request" : "response"
                logger.warning("option modify_body: the \(side) of \(flow.request.url) is left as it is: \(error.why)")
            }
        }
    }

    /// Nil if nothing matched, or the body is not at hand.
    private func modified(_ content: Content, _ codings: BodyCodings, _ row: Row) throws(BadValue) -> Content? {
        if case .file(let file) = content { throw BadValue("its body of \(file.size) bytes is too long to be held in memory") }
        guard let body = content.buffer else { return nil }
        let plain: [UInt8]
        do throws(CodingFailure) { plain = Array(try codings.decode(body).readableBytesView) } catch {
            throw BadValue("\(error)")
        }
        guard let result = try row.replacement().replacingMatches(in: plain) else {
            throw BadValue("'\(row.regex.pattern)' takes too long on its body, or makes it too long")
        }
        guard result != plain else { return nil }
        do throws(CodingFailure) {
            return .bytes(try codings.encode(ByteBuffer(bytes: result)))
        } catch {
            throw BadValue("\(error)")
        }
    }
}
