import Schema

/// What can be done with a flow's state, whoever holds it.
extension HTTPFlow {
    /// Remembers the state as it is now, for `revert`; does nothing if a state is remembered already.
    package mutating func keepBackup() {
        if backup == nil { backup = Boxed(wrappedValue: self) }
    }

    /// Whether something differs from the state that was remembered.
    package var isModified: Bool {
        guard let backup else { return false }
        var present = self
        present.backup = nil
        return present != backup.wrappedValue
    }

    /// Takes back what was changed since the state was remembered, and forgets that one.
    ///
    /// Of a live flow, what only the wire can tell stays: its connections, and a response or an error that came since then.
    package mutating func revert(isLive: Bool) {
        guard let old = backup?.wrappedValue else { return }
        let present = self
        self = old
        guard isLive else { return }
        server = present.server
        client = present.client
        isReplay = present.isReplay
        intercepted = present.intercepted
        if old.response == nil { response = present.response }
        if old.error == nil { error = present.error }
    }

    /// The same exchange as a flow of its own: another id, and it never stands still.
    package func copy() -> HTTPFlow {
        var copy = self
        copy.id = Identifier.uuid4()
        copy.intercepted = false
        copy.backup = nil
        return copy
    }

    /// The request once more, as if it had not been sent: what came of it is gone, but for the backup. `timestamp_created` stays.
    package func prepareReplay() -> HTTPFlow {
        var replay = self
        replay.keepBackup()
        replay.isReplay = "request"
        replay.response = nil
        replay.error = nil
        replay.intercepted = false
        return replay
    }

    /// About how many bytes of memory the flow takes.
    package var footprint: Int {
        var sum = 4096 + request.footprint + (response?.footprint ?? 0) + metadata.json.footprint
        if let websocket { sum += websocket.wrappedValue.messages.reduce(0) { $0 + 64 + $1.content.bytes.count } }
        if let backup { sum += backup.wrappedValue.footprint }
        return sum
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
    fileprivate var footprint: Int { buffer?.readableBytes ?? 0 }
}

extension JSON {
    fileprivate var footprint: Int {
        switch self {
        case .null, .bool, .int, .double: 16
        case .string(let text): 16 + text.utf8.count
        case .array(let values): values.reduce(16) { $0 + $1.footprint }
        case .object(let object): object.members.reduce(16) { $0 + 16 + $1.key.utf8.count + $1.value.footprint }
        }
    }
}
