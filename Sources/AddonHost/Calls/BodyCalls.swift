import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The call that reads bodies piece by piece: those that an open event shows by `ref`, and those of any flow that has them.
enum BodyCalls {
    static let read = CoreCall(
        method: "body.read",
        params:
            "`ref`: a number of an event that is open, or `id` and `part` (`request` or `response`); `offset`, 0 without it; `length`, at most so many bytes",
        doc:
            "A piece of a body: `{\"data\": byte string, \"size\": n}`, with the whole body's size. It has fewer bytes than were asked for where the body ends or the worker's line has no room for more, and none behind the end. A flow's body is as it is on the wire, that of a `ref` as the event shows it. `conflict` if the event has ended or the body is not held.",
        answer: answer)

    static let table = [read]

    private static let answer: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let offset = try number("offset", params) ?? 0
        // What a line has besides the bytes, which may stand in base 64.
        let room = max(64, (worker.lineLimit - 512) / 4 * 3)
        let count = min(try number("length", params) ?? room, room)
        let content: EventLoopFuture<Content>
        if params["ref"] != nil {
            let number: Int = try FlowCalls.required(params, "ref", "a number")
            guard let body = worker.life?.link?.carrier.body(number) else {
                throw .conflict("there is no body \(number), or its event has ended")
            }
            content = worker.loop.makeSucceededFuture(body)
        } else {
            let word: String = try FlowCalls.required(params, "part", "'request' or 'response', or ref instead")
            guard let side = MessageSide(rawValue: word) else {
                throw .missing("part: expected 'request' or 'response', found '\(word)'")
            }
            guard worker.grants.mayRead("flow.\(word).content"), worker.grants.redaction?.rules.concernBodies != true else {
                worker.host.violations.report(worker.addon.name, .call, at: "\(read.method) \(word)", "bodies are hidden from it")
                throw .denied(read.method)
            }
            let flow = try FlowCalls.named(params, worker)
            content = flow.loop.submit {
                let id = flow.anyFlow.id
                guard worker.grants.admits(flow.anyFlow) else { throw CallFailure.noFlow(id) }
                return Self.body(side, of: flow.anyFlow)
            }.hop(to: worker.loop)
        }
        return content.flatMapThrowing { content in
            guard content.isHeld || content.size == 0, let size = content.size else {
                throw CallFailure.conflict("the body is not held")
            }
            return (content, size)
        }.flatMap { (content: Content, size: Int) in
            piece(of: content, at: offset, count: count, on: worker.loop).map { ["data": data($0, room), "size": .int(size)] }
        }
    }

    private static func piece(
        of content: Content, at offset: Int, count: Int, on loop: any EventLoop
    ) -> EventLoopFuture<ByteBuffer> {
        if case .file(let file) = content {
            return BodyStore.offLoop(loop) { try file.read(at: offset, count: count) }
        }
        let buffer = content.buffer ?? ByteBuffer()
        let start = min(offset, buffer.readableBytes)
        let slice = buffer.getSlice(at: buffer.readerIndex + start, length: min(count, buffer.readableBytes - start))
        return loop.makeSucceededFuture(slice ?? ByteBuffer())
    }

    /// As a string, unless escapes would make that longer than base 64.
    private static func data(_ bytes: ByteBuffer, _ room: Int) -> JSON {
        if let text = String(validating: bytes.readableBytesView, as: UTF8.self) {
            let json = JSON.string(text)
            if json.encoded.count <= room / 3 * 4 { return json }
        }
        return ["b64": .string(String(decoding: Base64.encode(Array(bytes.readableBytesView)), as: UTF8.self))]
    }

    private static func body(_ side: MessageSide, of flow: AnyFlow) -> Content {
        guard case .http(let flow) = flow else { return .missing }
        return side == .request ? flow.value.request.content : flow.value.boxedResponse?.value.content ?? .missing
    }

    private static func number(_ name: String, _ params: JSON) throws(CallFailure) -> Int? {
        guard let json = params[name], json != .null else { return nil }
        guard let value = json.int, value >= 0 else { throw .missing("\(name): expected a number from 0, found \(json.kind)") }
        return value
    }
}
