import AddonWire
import Codings
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// What one worker is shown of a flow's bodies, and how a body that it changed goes back.
enum ContentView {
    /// The flow as a worker with this mode sees it. `undecodable` is called with the reason if a body cannot be decoded.
    static func shown(_ flow: HTTPFlow, _ mode: ContentMode, undecodable: (String) -> Void) -> HTTPFlow {
        guard mode != .whole else { return flow }
        var flow = flow
        if flow.request.content.isHeld {
            flow.request.content = shown(flow.request.content, flow.request.headers, mode, "request", undecodable)
        }
        if let response = flow.response, response.content.isHeld {
            flow.response?.content = shown(response.content, response.headers, mode, "response", undecodable)
        }
        // What the state was before is shown whole or without its bodies.
        if let backup = flow.backup {
            flow.backup = Boxed(shown(backup.value, .none, undecodable: undecodable))
        }
        return flow
    }

    /// Whether there are bytes that some worker is not to see; most events come before any body does.
    static func holdsBodies(_ flow: HTTPFlow) -> Bool {
        flow.request.content.isHeld || flow.response?.content.isHeld == true || flow.backup != nil
    }

    /// The flow as it is shown decoded. Throws if a body unpacks too far, whoever sent it being to blame; another that cannot be
    /// decoded is left out, and `undecodable` called with the reason.
    static func decoded(
        _ flow: HTTPFlow, _ unpacking: Unpacking, undecodable: (String) -> Void
    ) async throws(ProxyFailure) -> HTTPFlow {
        var shown = flow
        shown.request.content = try await decoded(
            flow.request.content, flow.request.headers, unpacking, undecodable,
            (name: "request", peer: "client \(flow.client.value.peername)", fault: .client))
        if let response = flow.response {
            shown.response?.content = try await decoded(
                response.content, response.headers, unpacking, undecodable,
                (name: "response", peer: "server \(flow.request.host):\(flow.request.port)", fault: .server))
        }
        shown.backup = flow.backup.map { Boxed(Self.shown($0.value, .none, undecodable: undecodable)) }
        return shown
    }

    private static func decoded(
        _ content: Content, _ headers: Headers, _ unpacking: Unpacking,
        _ undecodable: (String) -> Void, _ side: (name: String, peer: String, fault: ProxyFailure.Fault)
    ) async throws(ProxyFailure) -> Content {
        if case .file(let file) = content {
            return try await decoded(file, headers, unpacking, undecodable, side)
        }
        guard case .bytes(let buffer) = content, buffer.readableBytes > 0 else { return content }
        switch try await unpacking.decode(buffer, BodyCodings(headers)) {
        case .success(let plain): return .bytes(plain)
        case .failure(let failure):
            if failure.isExcess { throw ProxyFailure(failure, of: side.peer, fault: side.fault) }
            undecodable("the \(side.name)'s body is left out: \(failure)")
            return .omitted(buffer.readableBytes)
        }
    }

    private static func decoded(
        _ file: BodyFile, _ headers: Headers, _ unpacking: Unpacking,
        _ undecodable: (String) -> Void, _ side: (name: String, peer: String, fault: ProxyFailure.Fault)
    ) async throws(ProxyFailure) -> Content {
        do throws(ProxyFailure) {
            return try await unpacking.decode(file, BodyCodings(headers), of: side.peer, fault: side.fault)
        } catch {
            guard case .badMessage = error.what else { throw error }
            undecodable("the \(side.name)'s body is left out: \(error.note)")
            return .omitted(file.size)
        }
    }

    /// A flow of any type. Messages are a flow's contents as well: without contents they are left out.
    static func shown(_ flow: AnyFlow, _ mode: ContentMode) -> AnyFlow {
        switch flow {
        case .http(let flow): shown(mode == .none ? flow.value.withoutMessages : flow.value, mode) { _ in }.any
        case .tcp(let flow) where mode == .none: .tcp(flow.withoutMessages)
        case .udp(let flow) where mode == .none: .udp(flow.withoutMessages)
        case .tcp, .udp, .dns: flow
        }
    }

    private static func shown(
        _ content: Content, _ headers: Headers, _ mode: ContentMode, _ side: String, _ undecodable: (String) -> Void
    ) -> Content {
        guard content.isHeld else { return content }
        guard mode == .decoded else { return .omitted(content.size) }
        guard let buffer = content.buffer else {
            guard !BodyCodings(headers).isEmpty else { return content }
            undecodable("the \(side)'s body is left out: decoded it would be too long")
            return .omitted(content.size)
        }
        do throws(CodingFailure) {
            return .bytes(try BodyCodings(headers).decode(buffer))
        } catch {
            undecodable("the \(side)'s body is left out: \(error)")
            return .omitted(buffer.readableBytes)
        }
    }

    /// The changes that put back the codings of bodies that a worker saw decoded, where it changed them or their codings.
    ///
    /// A body whose codings cannot be made goes back as it is, without the header that names them.
    static func recoding<Payload: HookPayload>(
        from shown: HTTPFlow, to answered: HTTPFlow, _ unpacking: Unpacking
    ) async throws(ProxyFailure) -> [Change<Payload>] {
        var changes: [Change<Payload>] = []
        let old = (content: shown.request.content, codings: BodyCodings(shown.request.headers))
        let new = (content: answered.request.content, codings: BodyCodings(answered.request.headers))
        if let coded = try await recoded(old, new, unpacking) {
            changes.append(
                LoopPort.content(.request) { flow in
                    flow.request.content = coded.content
                    if coded.isBare { flow.request.headers.remove(BodyCodings.field) }
                })
        }
        if let response = answered.response {
            let before = shown.response
            let old = (
                content: before?.content ?? .missing, codings: before.map { BodyCodings($0.headers) } ?? BodyCodings(Headers())
            )
            let new = (content: response.content, codings: BodyCodings(response.headers))
            if let coded = try await recoded(old, new, unpacking) {
                changes.append(
                    LoopPort.content(.response) { flow in
                        flow.response?.content = coded.content
                        if coded.isBare { flow.response?.headers.remove(BodyCodings.field) }
                    })
            }
        }
        return changes
    }

    private static func recoded(
        _ old: (content: Content, codings: BodyCodings), _ new: (content: Content, codings: BodyCodings),
        _ unpacking: Unpacking
    ) async throws(ProxyFailure) -> (content: Content, isBare: Bool)? {
        guard old != new, !new.codings.isEmpty || old.codings != new.codings else { return nil }
        switch new.content {
        case .missing, .omitted, .reference: return nil
        case .file(let file):
            let coded = try await unpacking.encode(file, new.codings)
            return (coded ?? new.content, coded == nil)
        case .bytes(let buffer):
            switch try await unpacking.encode(buffer, new.codings) {
            case .success(let coded): return (.bytes(coded), false)
            case .failure: return (new.content, true)
            }
        }
    }
}
