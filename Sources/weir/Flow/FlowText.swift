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

    static func line(of flow: HTTPFlow) -> String {
        let status = flow.response.map { String($0.statusCode) } ?? (flow.error == nil ? "-" : "error")
        let length = flow.response.flatMap { size($0.content) }.map(FlowPrinter.size) ?? "-"
        let method = flow.request.method.isEmpty ? "-" : flow.request.method.string
        let parts = [
            String(flow.id.prefix(shownID)), method, flow.request.url, status, length, flow.marked.isEmpty ? "-" : flow.marked,
        ]
        // A space would begin another column.
        let columns = parts.map { FlowPrinter.safe($0).split(separator: " ").joined(separator: "_") }
        return columns.joined(separator: " ") + (flow.intercepted ? " intercepted" : "") + "\n"
    }

    static func block(of flow: HTTPFlow, detail: Int) -> String {
        let printer = FlowPrinter(detail: detail, isColoured: isatty(STDOUT_FILENO) == 1) { _ in true }
        var sizes = BodySizes()
        sizes.request = size(flow.request.content) ?? 0
        sizes.response = flow.response.flatMap { size($0.content) } ?? 0
        var text = "flow \(flow.id)"
        if !flow.marked.isEmpty { text += ", marked \(FlowPrinter.safe(flow.marked))" }
        if flow.intercepted { text += ", intercepted" }
        if !flow.comment.isEmpty { text += ": \(FlowPrinter.safe(flow.comment))" }
        return text + "\n" + printer.lines(of: flow.readable, sizes)
    }

    /// One line of JSON.
    static func json(_ flow: HTTPFlow) -> String {
        var writer = JSONWriter(capacity: 4096)
        flow.write(to: &writer)
        writer.endLine()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    static func withoutBodies(_ flow: HTTPFlow) -> HTTPFlow {
        var flow = flow
        flow.request.content = omitted(flow.request.content)
        if let response = flow.response { flow.response?.content = omitted(response.content) }
        return flow
    }

    private static func omitted(_ content: Content) -> Content {
        guard case .bytes(let buffer) = content, buffer.readableBytes > 0 else { return content }
        return .omitted(buffer.readableBytes)
    }

    private static func size(_ content: Content) -> Int? {
        switch content {
        case .missing: nil
        case .bytes(let buffer): buffer.readableBytes
        case .omitted(let size): size
        }
    }
}
