import Schema

extension HTTPFlow {
    public var any: AnyFlow { .http(self) }

    /// Has the flow changed by what changes flows of any type.
    public mutating func change(_ change: (inout AnyFlow) -> Void) {
        var flow = AnyFlow.http(self)
        change(&flow)
        if case .http(let flow) = flow { self = flow }
    }

    public mutating func keepTraffic(of present: HTTPFlow) {
        if response == nil { response = present.response }
        websocket = present.websocket
    }

    /// The state without the messages of its WebSocket, which count as forgotten, there and in what is remembered of it.
    public var withoutMessages: HTTPFlow {
        guard websocket != nil || backup?.value.websocket != nil else { return self }
        var flow = self
        flow.websocket?.value.kept.forgetAll()
        if let backup { flow.backup = Boxed(backup.value.withoutMessages) }
        return flow
    }

    /// Replaces each body that the state has, those of the backup included.
    public mutating func mapContents(_ body: (Content) -> Content) {
        request.content = body(request.content)
        if let content = response?.content { response?.content = body(content) }
        backup?.value.mapContents(body)
    }

    public var trafficFootprint: Int {
        let messages = websocket?.value.messages ?? []
        return messages.reduce(request.footprint + (response?.footprint ?? 0)) { $0 + 64 + $1.content.bytes.count }
    }

    /// The request once more, as if it had not been sent: what came of it is gone, but for the backup. `timestamp_created` stays.
    public func prepareReplay() -> HTTPFlow {
        var replay = self
        replay.keepBackup()
        replay.isReplay = "request"
        replay.response = nil
        replay.error = nil
        replay.intercepted = false
        return replay
    }
}

extension Request {
    fileprivate var footprint: Int { headers.footprint + (trailers?.footprint ?? 0) + content.footprint + path.bytes.count }
}

extension Response {
    fileprivate var footprint: Int { headers.footprint + (trailers?.footprint ?? 0) + content.footprint }
}

extension Headers {
    fileprivate var footprint: Int { block.count + 16 * lines.count }
}

extension Content {
    /// In memory or on the disk.
    fileprivate var footprint: Int { isHeld ? size ?? 0 : 0 }
}
