import Control
import FlowExport
import FlowModel
import Glibc
import ProxyKernel
import Schema

/// Flows as the commands print them.
enum FlowText {
    /// How much of an id is shown: enough for a person's flows, and a longer beginning can be given.
    static let shownID = 8

    static func line(of flow: AnyFlow) -> String {
        let parts = [String(flow.id.prefix(shownID))] + columns(of: flow)
        let marker = flow.record.marked.isEmpty ? "-" : flow.record.marked
        // A space would begin another column.
        let columns = (parts + [marker]).map { FlowPrinter.safe($0).split(separator: " ").joined(separator: "_") }
        return columns.joined(separator: " ") + (flow.isIntercepted ? " intercepted" : "") + "\n"
    }

    /// What stands between a flow's id and its marker: method, URL, status, size.
    private static func columns(of flow: AnyFlow) -> [String] {
        let failed = flow.record.error == nil ? "-" : "error"
        switch flow {
        case .http(let boxed):
            let flow = boxed.value
            let length = flow.response.flatMap { $0.content.size }.map(FlowPrinter.size) ?? "-"
            let method = flow.request.method.isEmpty ? "-" : flow.request.method.string
            return [method, flow.request.url, flow.response.map { String($0.statusCode) } ?? failed, length]
        case .dns(let flow):
            let response = flow.response.map { $0.responseCode == 0 ? "ok" : "code\($0.responseCode)" }
            return ["DNS", flow.request.questions.first?.name ?? "-", response ?? failed, "-"]
        case .tcp(let flow): return columns(of: flow, failed)
        case .udp(let flow): return columns(of: flow, failed)
        }
    }

    private static func columns<Carrier>(of flow: TransportFlow<Carrier>, _ failed: String) -> [String] {
        let size = flow.messages.reduce(0) { $0 + $1.content.bytes.count }
        let server = flow.server.value.address?.description ?? "-"
        return [Carrier.kind.rawValue.uppercased(), server, failed, flow.messages.isEmpty ? "-" : FlowPrinter.size(size)]
    }

    static func block(of flow: AnyFlow, detail: Int) -> String {
        let printer = FlowPrinter(detail: detail, isColoured: isatty(STDOUT_FILENO) == 1) { _ in true }
        let record = flow.record
        var text = "flow \(flow.id)"
        if !record.marked.isEmpty { text += ", marked \(FlowPrinter.safe(record.marked))" }
        if record.intercepted { text += ", intercepted" }
        if !record.comment.isEmpty { text += ": \(FlowPrinter.safe(record.comment))" }
        return text + "\n" + lines(of: flow, printer)
    }

    private static func lines(of flow: AnyFlow, _ printer: FlowPrinter) -> String {
        guard case .http(let boxed) = flow else { return printer.lines(of: flow) }
        let flow = boxed.value
        var sizes = BodySizes()
        sizes.request = flow.request.content.size ?? 0
        sizes.response = flow.response?.content.size ?? 0
        let messages = flow.websocket?.value.messages ?? []
        return printer.lines(of: flow.readable, sizes) + messages.map { printer.lines(of: $0, in: flow) }.joined()
    }

    /// One line of JSON.
    static func json(_ flow: AnyFlow) -> String {
        var writer = JSONWriter(capacity: 4096)
        flow.record.write(to: &writer)
        writer.endLine()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    static func withoutBodies(_ flow: AnyFlow) -> AnyFlow {
        switch flow {
        case .http(let whole):
            var flow = whole.value.withoutMessages
            flow.request.content = omitted(flow.request.content)
            if let response = flow.response { flow.response?.content = omitted(response.content) }
            return flow.any
        case .tcp(let flow): return .tcp(flow.withoutMessages)
        case .udp(let flow): return .udp(flow.withoutMessages)
        case .dns: return flow
        }
    }

    private static func omitted(_ content: Content) -> Content { content.isHeld ? .omitted(content.size) : content }
}
