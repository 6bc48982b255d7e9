import Schema

extension HTTPFlow {
    public var any: AnyFlow { .http(Boxed(self)) }

    /// Has the flow changed by what changes flows of any type.
    public mutating func change(_ change: (inout AnyFlow) -> Void) {
        var flow = any
        change(&flow)
        if case .http(let flow) = flow { self = flow.value }
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

    public static func trafficFootprint(of flow: UnsafePointer<HTTPFlow>) -> Int {
        let request = flow.pointee.boxedRequest.address
        var size = request.pointee.headers.footprint + request.pointee.content.footprint + request.pointee.path.bytes.count
        size += request.pointee.trailers?.footprint ?? 0
        if let response = flow.pointee.boxedResponse?.address {
            size += response.pointee.headers.footprint + response.pointee.content.footprint
            size += response.pointee.trailers?.footprint ?? 0
        }
        guard let messages = flow.pointee.websocket?.value.messages else { return size }
        return messages.reduce(size) { $0 + 64 + $1.content.bytes.count }
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

extension Headers {
    fileprivate var footprint: Int { block.count + 16 * lines.count }
}

extension Content {
    /// In memory or on the disk.
    fileprivate var footprint: Int { isHeld ? size ?? 0 : 0 }
}
