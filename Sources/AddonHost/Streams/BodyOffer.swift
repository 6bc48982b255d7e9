import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// The body that an event is about, as one worker is offered it in parts: as a stream, or as its beginning.
public struct BodyOffer {
    enum Source {
        /// It stands in the flow's state.
        case held(Content, trailers: Headers?)
        case flowing(BodyPath)
    }

    /// What the worker asks for behind a preview.
    public enum More: String, CaseIterable, Sendable { case whole, stream }

    let side: MessageSide
    let source: Source
    /// What takes the body's content codings off before the worker, if it wants that and there are any.
    let decoding: (any BodyStage)?
    let stream: WorkerStream
    let shown: ContentReference

    var isPreview: Bool { if case .preview = shown { true } else { false } }

    /// The body of that side; nil if there is none, or nobody has it any more.
    static func source(_ side: MessageSide, of flow: HTTPFlow, _ bodies: FlowBodies?) -> Source? {
        let trailers = side == .request ? flow.request.trailers : flow.response?.trailers
        let content = flow.content(of: side)
        switch content {
        case .bytes, .file: return content.flatMap { $0.isHeld ? .held($0, trailers: trailers) : nil }
        case .missing, .omitted:
            // A response that an addon has set has no way of its own.
            guard let path = bodies?[side], path.flows, path.length != .exact(0) else { return nil }
            return .flowing(path)
        case .reference, nil: return nil
        }
    }

    /// Whether an answer's changes put another body in the place of the one that was offered.
    func isReplaced(by paths: [String]) -> Bool {
        let message = "flow.\(side.rawValue)"
        return paths.contains { $0 == message || $0 == "\(message).content" }
    }
}

extension HTTPFlow {
    /// The body of that side goes as it comes, and is never held.
    func isStreamed(_ side: MessageSide) -> Bool { side == .request ? request.isStreamed : response?.isStreamed ?? false }

    func codings(of side: MessageSide) -> BodyCodings {
        BodyCodings(side == .request ? request.headers : response?.headers ?? Headers())
    }

    func content(of side: MessageSide) -> Content? { side == .request ? request.content : response?.content }

    mutating func removeCodings(of side: MessageSide) {
        if side == .request {
            request.headers.remove(BodyCodings.field)
        } else {
            response?.headers.remove(BodyCodings.field)
        }
    }

    /// The state with other content, and with other trailers if they are given.
    public mutating func set(_ content: Content, trailers: Headers?? = nil, of side: MessageSide) {
        switch side {
        case .request:
            request.content = content
            if let trailers { request.trailers = trailers }
        case .response:
            response?.content = content
            if let trailers { response?.trailers = trailers }
        }
    }
}
