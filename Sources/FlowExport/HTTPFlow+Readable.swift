import FlowModel
import NIOCore

extension HTTPFlow {
    /// The flow as people read it: bodies without the content codings that can be undone.
    public var readable: HTTPFlow {
        var flow = self
        flow.request.content = Self.readable(request.content, request.headers)
        if let response { flow.response?.content = Self.readable(response.content, response.headers) }
        return flow
    }

    private static func readable(_ content: Content, _ headers: Headers) -> Content {
        guard case .bytes = content, let decoded = MessageBody(content, headers).decoded else { return content }
        return .bytes(ByteBuffer(bytes: decoded))
    }
}
