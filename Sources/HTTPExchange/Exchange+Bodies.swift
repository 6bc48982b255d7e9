import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// How the two bodies get into the flow's state, or past it.
extension Exchange {
    /// Makes the way of the request's body, and decides by its length whether it is streamed.
    func beginRequestBody(on session: isolated Session) {
        flow.request.isStreamed = isLarge(requestLength, session)
        guard requestLength != .none else { return }
        // Whoever wants the body must tell a client that waits for a word.
        let willRead: (() -> Void)? =
            if client.expectsContinue { { [weak self] in self?.continueIfExpected() } } else { nil }
        bodies.request = BodyPath(requestBody, length: requestLength, willRead: willRead)
    }

    private func continueIfExpected() {
        guard client.expectsContinue else { return }
        client.continueIfExpected()
        flow.request.headers.remove("Expect")
    }

    /// Reads what is still to come of the request's body, and throws it away.
    func discardRequestBody() {
        if let path = bodies.request { path.discard() } else { requestBody.discard() }
    }

    func beginResponseBody(_ stream: any ServerStream, on session: isolated Session) {
        bodies.response = BodyPath(stream.response, length: stream.length)
        flow.boxedResponse?.value.isStreamed = isLarge(stream.length, session)
    }

    private func isLarge(_ length: BodyLength, _ session: isolated Session) -> Bool {
        guard let count = length.count, let limit = session.present.streamedAbove else { return false }
        return count > limit
    }

    /// Notes what is known of the body; the result is its way if somebody wants all of it before it goes on.
    func noteRequestBody(on session: isolated Session) -> BodyPath? {
        if requestLength == .none || bodies.request?.isEmpty == true {
            flow.request.content = .bytes(ByteBuffer())
            flow.request.timestampEnd = requestBody.timestampEnd
        }
        guard let path = bodies.request, path.flows else { return nil }
        flow.request.content = .omitted(path.length.count)
        guard flow.boxedResponse == nil, !flow.request.isStreamed,
            keepsContent(HTTPHooks.table.request, flow.request.headers, session)
                || keepsContent(HTTPHooks.table.response, flow.request.headers, session)
        else { return nil }
        return path
    }

    func holdRequestBody(_ path: BodyPath, on session: isolated Session) async throws(ProxyFailure) {
        guard let content = try await hold(path, "the request", fault: .client, on: session) else {
            return flow.request.isStreamed = true
        }
        flow.request.content = content
        flow.request.trailers = path.pipe.trailers
        flow.request.timestampEnd = path.pipe.timestampEnd
    }

    /// The same for the response's; nothing where it is not a server's.
    func noteResponseBody(on session: isolated Session) throws(ProxyFailure) -> BodyPath? {
        guard let path = bodies.response, let stream = upstream?.stream else { return nil }
        try bound(stream.response, stream.length, of: "the response", fault: .server, on: session)
        if path.length == .none || path.isEmpty {
            flow.boxedResponse?.value.content = .bytes(ByteBuffer())
            flow.boxedResponse?.value.timestampEnd = WallClock.now
        }
        guard path.flows, flow.boxedResponse != nil else { return nil }
        flow.boxedResponse?.value.content = .omitted(path.length.count)
        flow.boxedResponse?.value.timestampEnd = path.pipe.timestampEnd
        guard flow.boxedResponse?.value.isStreamed == false, flow.boxedResponse?.value.statusCode != 101,
            let headers = flow.boxedResponse?.value.headers,
            keepsContent(HTTPHooks.table.response, headers, session)
        else { return nil }
        return path
    }

    func holdResponseBody(_ path: BodyPath, on session: isolated Session) async throws(ProxyFailure) {
        guard let content = try await hold(path, "the response", fault: .server, on: session) else {
            flow.boxedResponse?.value.isStreamed = true
            return
        }
        flow.boxedResponse?.value.content = content
        flow.boxedResponse?.value.trailers = path.pipe.trailers
        flow.boxedResponse?.value.timestampEnd = path.pipe.timestampEnd
    }

    /// Whether bodies must be kept for a hook's listeners, or to be printed. A listener of *response* sees the request's as well.
    private func keepsContent(_ hook: Hook<FlowEvent>, _ headers: Headers, _ session: isolated Session) -> Bool {
        if keepsContent || hears(hook, session) && session.hooks.contentNeed(hook, of: flow) > .nothing { return true }
        guard session.present.keepsContent else { return false }
        return !headers.announceEvents || session.present.interception?.needsContent == true
    }

    /// From which length on bodies go into files, where they are held for workers alone, all of which take descriptors; nil for none.
    private func fileBound(_ session: isolated Session) -> Int? {
        guard !keepsContent, !session.present.keepsContent else { return nil }
        let need = max(
            session.hooks.contentNeed(HTTPHooks.table.request, of: flow),
            session.hooks.contentNeed(HTTPHooks.table.response, of: flow))
        return need.fileBound
    }

    /// The whole body; nil if it turns out to be one that is streamed.
    private func hold(
        _ path: BodyPath, _ whom: String, fault: ProxyFailure.Fault, on session: isolated Session
    ) async throws(ProxyFailure) -> Content? {
        // Where the length is known all is decided.
        let large =
            path.length == .unknown ? session.present.streamedAbove ?? .max : .max
        do throws(ProxyFailure) {
            return try await path.hold(
                in: bodies.store, limit: large, mappedFrom: fileBound(session), of: "of \(whom)", waiter: waiter, on: session.loop
            )
        } catch {
            guard error.what == .limit, error.fault != .us, path.flows else { throw error }
            if large <= bodies.store.limit { return nil }
            throw ProxyFailure(.limit, fault: fault, error.note)
        }
    }

    /// Keeps a copy of a body that passes, if that is wanted.
    func copyStreamed(_ path: BodyPath?, isStreamed: Bool, on session: isolated Session) {
        let isRecorded = !isStreamed && session.present.recordsContent
        guard isRecorded || session.present.storesStreamedBodies else { return }
        // Whatever passes cannot wait for a disk.
        path?.pipe.copy(upTo: bodies.store.memoryLimit)
    }

    /// What is known of bodies that have passed, when all is over.
    func noteStreamedBodies() {
        if let pipe = bodies.request?.pipe, flow.request.content.isOmitted {
            flow.request.timestampEnd = pipe.timestampEnd
            flow.request.trailers = pipe.trailers
            if let copy = pipe.takeCopy() { flow.request.content = .bytes(copy) }
        }
        if let pipe = bodies.response?.pipe, flow.boxedResponse?.value.content.isOmitted == true {
            flow.boxedResponse?.value.timestampEnd = pipe.timestampEnd
            flow.boxedResponse?.value.trailers = pipe.trailers
            if let copy = pipe.takeCopy() { flow.boxedResponse?.value.content = .bytes(copy) }
        }
    }

    /// What was held for workers alone is not kept with the ended flow. To give up many pages takes its time.
    func dropMemoryFiles() {
        guard flow.request.content.isFile || flow.boxedResponse?.value.content.isFile == true || flow.backup != nil else {
            return
        }
        var files: [BodyFile] = []
        flow.mapContents { content in
            guard case .file(let file) = content, file.isInMemory else { return content }
            files.append(file)
            return .omitted(file.size)
        }
        guard files.contains(where: { $0.size > BodyStore.copiedSoon }) else { return }
        BodyStore.offLoop(loop) { [files] in withExtendedLifetime(files) {} }.whenComplete { _ in }
    }

    /// Ends a body that is longer than `body_size_limit`: at once if its head says so, else when it is.
    func bound(
        _ body: BodyPipe, _ length: BodyLength, of whom: String, fault: ProxyFailure.Fault, on session: isolated Session
    ) throws(ProxyFailure) {
        guard let limit = session.services.bodySizeLimit else { return }
        let failure = ProxyFailure(
            .limit, fault: fault, "the body of \(whom) is larger than the \(limit) bytes that body_size_limit lets through")
        // It may have come already, as a whole.
        if max(length.count ?? 0, body.size) > limit { throw failure }
        body.bound(limit, failure)
    }
}

extension Headers {
    /// The body is an event stream or gRPC: what comes of it is waited for before its end.
    fileprivate var announceEvents: Bool {
        guard let type = first("Content-Type")?.string.lowercased() else { return false }
        return type.hasPrefix("text/event-stream") || type.hasPrefix("application/grpc")
    }
}
