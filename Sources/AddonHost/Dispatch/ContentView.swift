import AddonWire
import Codings
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// What one worker is shown of a flow's bodies, and how a body that it changed goes back.
enum ContentView {
    /// What is unpacked for a worker at most; a line with more could not be sent.
    private static let limits = CodingLimits(maximumSize: 16 << 20)

    /// The flow as a worker with this mode sees it. `undecodable` is called with the reason if a body cannot be decoded.
    static func shown(_ flow: HTTPFlow, _ mode: HookRequest.ContentMode, undecodable: (String) -> Void) -> HTTPFlow {
        guard mode != .whole else { return flow }
        var flow = flow
        flow.request.content = shown(flow.request.content, flow.request.headers, mode, "request", undecodable)
        if let response = flow.response, case .bytes = response.content {
            flow.response?.content = shown(response.content, response.headers, mode, "response", undecodable)
        }
        // What the state was before is shown whole or without its bodies.
        if let backup = flow.backup {
            flow.backup = Boxed(wrappedValue: shown(backup.wrappedValue, .none, undecodable: undecodable))
        }
        return flow
    }

    private static func shown(
        _ content: Content, _ headers: Headers, _ mode: HookRequest.ContentMode, _ side: String, _ undecodable: (String) -> Void
    ) -> Content {
        guard case .bytes(let buffer) = content, buffer.readableBytes > 0 else { return content }
        guard mode == .decoded else { return .omitted(buffer.readableBytes) }
        do throws(CodingFailure) {
            return .bytes(try decode(buffer, headers))
        } catch {
            undecodable("the \(side)'s body is left out: \(error)")
            return .omitted(buffer.readableBytes)
        }
    }

    /// The body without its content codings; nil if it cannot be decoded.
    static func decoded(_ buffer: ByteBuffer, _ headers: Headers) -> ByteBuffer? {
        do throws(CodingFailure) { return try decode(buffer, headers) } catch { return nil }
    }

    /// The changes that put back the codings of bodies that a worker saw decoded, where it changed them or their codings.
    ///
    /// A body whose codings cannot be made goes back as it is, without the header that names them.
    static func recoding<Payload: HookPayload>(from shown: HTTPFlow, to answered: HTTPFlow) -> [Change<Payload>] {
        var changes: [Change<Payload>] = []
        let old = (content: shown.request.content, codings: codings(shown.request.headers))
        let new = (content: answered.request.content, codings: codings(answered.request.headers))
        if let coded = recoded(old, new) {
            changes.append(
                change("flow.request.content") { flow in
                    flow.request.content = coded.content
                    if coded.isBare { flow.request.headers.remove(field) }
                })
        }
        if let response = answered.response {
            let before = shown.response
            let old = (content: before?.content ?? .missing, codings: before.map { codings($0.headers) } ?? "")
            if let coded = recoded(old, (response.content, codings(response.headers))) {
                changes.append(
                    change("flow.response.content") { flow in
                        flow.response?.content = coded.content
                        if coded.isBare { flow.response?.headers.remove(field) }
                    })
            }
        }
        return changes
    }

    private static let field = "Content-Encoding"

    private static func recoded(
        _ old: (content: Content, codings: String), _ new: (content: Content, codings: String)
    ) -> (content: Content, isBare: Bool)? {
        guard case .bytes(let buffer) = new.content, old != new, !new.codings.isEmpty || old.codings != new.codings else {
            return nil
        }
        do throws(CodingFailure) {
            let stack = try ContentCoding.stack(new.codings)
            guard !stack.isEmpty else { return (new.content, false) }
            let bytes = try ContentEncoder.encode(Array(buffer.readableBytesView), codings: stack)
            return (.bytes(ByteBuffer(bytes: bytes)), false)
        } catch {
            return (new.content, true)
        }
    }

    private static func change<Payload: HookPayload>(
        _ path: String, _ apply: @escaping @Sendable (inout HTTPFlow) -> Void
    ) -> Change<Payload> {
        Change(path: path) { payload in
            guard var flow = payload.flow else { return }
            apply(&flow)
            payload.flow = flow
        }
    }

    private static func decode(_ buffer: ByteBuffer, _ headers: Headers) throws(CodingFailure) -> ByteBuffer {
        let stack = try ContentCoding.stack(codings(headers))
        guard !stack.isEmpty, buffer.readableBytes > 0 else { return buffer }
        return ByteBuffer(bytes: try ContentDecoder.decode(Array(buffer.readableBytesView), codings: stack, limits: limits))
    }

    /// The values of `Content-Encoding`, joined with commas; empty if there is none.
    private static func codings(_ headers: Headers) -> String {
        var values: [String] = []
        for index in 0..<headers.count {
            headers.withLine(at: index) { name, value in
                if field.withRawUTF8({ name.equalsIgnoringCase($0) }) { values.append(String(decoding: value, as: UTF8.self)) }
            }
        }
        return values.joined(separator: ", ")
    }
}
