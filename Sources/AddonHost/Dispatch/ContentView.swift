import AddonWire
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// What one worker is shown of a flow's bodies, and how a body that it changed goes back.
enum ContentView {
    /// The flow as a worker with this mode sees it. `undecodable` is called with the reason if a body cannot be decoded.
    static func shown(_ flow: HTTPFlow, _ mode: HookRequest.ContentMode, undecodable: (String) -> Void) -> HTTPFlow {
        var flow = flow
        flow.request.content = shown(flow.request.content, flow.request.headers, mode, "request", undecodable)
        if let response = flow.response {
            flow.response?.content = shown(response.content, response.headers, mode, "response", undecodable)
        }
        return flow
    }

    private static func shown(
        _ content: Content, _ headers: Headers, _ mode: HookRequest.ContentMode, _ side: String, _ undecodable: (String) -> Void
    ) -> Content {
        guard case .bytes(let buffer) = content else { return content }
        switch mode {
        case .none: return .omitted(buffer.readableBytes)
        case .whole: return content
        case .decoded:
            guard let decoded = decoded(buffer, headers) else {
                undecodable("the \(side)'s body cannot be decoded; it is left out")
                return .omitted(buffer.readableBytes)
            }
            return .bytes(decoded)
        }
    }

    /// The body without its content codings; itself if it has none, nil if it cannot be decoded.
    static func decoded(_ buffer: ByteBuffer, _ headers: Headers) -> ByteBuffer? {
        isEncoded(headers) ? nil : buffer
    }

    /// The changes that put back the codings of bodies that the worker saw decoded and has changed.
    static func recoding<Payload: HookPayload>(from shown: HTTPFlow, to answered: HTTPFlow) -> [Change<Payload>] {
        []
    }

    private static func isEncoded(_ headers: Headers) -> Bool {
        (0..<headers.count).contains { index in
            headers.withLine(at: index) { name, _ in "content-encoding".withRawUTF8 { name.equalsIgnoringCase($0) } }
        }
    }
}
