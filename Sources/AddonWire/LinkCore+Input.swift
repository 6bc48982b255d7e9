private import Schema

/// What a worker sends, and the passing of time.
extension LinkCore {
    /// Bytes came from the worker.
    public mutating func received(_ bytes: UnsafeRawBufferPointer, now: Int64) -> [Action] {
        guard state != .closed else { return [] }
        counters.bytesRead += bytes.count
        var splitter = splitter
        self.splitter = LineSplitter(limit: 0)
        var actions: [Action] = []
        var tooLong: LinkEnd?
        do throws(LineSplitter.Failure) {
            try splitter.feed(bytes) { line in
                if state != .closed { receivedLine(line, now: now, into: &actions) }
            }
        } catch {
            if case .tooLong(let limit) = error { tooLong = .lineTooLong(limit: limit) }
        }
        self.splitter = splitter
        if let tooLong {
            counters.badLines += 1
            return actions + close(tooLong)
        }
        if state != .closed, mayPump { actions += pump(now: now) }
        return actions
    }

    private mutating func receivedLine(_ line: UnsafeRawBufferPointer, now: Int64, into actions: inout [Action]) {
        counters.linesRead += 1
        // Bytes of a line that has no end are no sign of life.
        lastHeard = now
        missedPings = 0
        silentTimeouts = 0
        let incoming: Incoming
        do {
            incoming = try Incoming(reader.read(line))
        } catch {
            counters.badLines += 1
            actions += close(.badLine("\(error): \(Self.excerpt(line))"))
            return
        }
        switch consume incoming {
        case .result(let id, let result): ended(id, .success(result), into: &actions)
        case .error(let id, let code, let message):
            ended(id, .failure(LinkFailure(.workerError, "it answered with error \(code): \(message)")), into: &actions)
        case .malformedReply(let id, let what): ended(id, .failure(LinkFailure(.badReply, what)), into: &actions)
        case .call(let id, let method, let params): actions.append(.call(id: id, method: method, params: params))
        case .notification("event.extend", let params): extend(params, now: now)
        case .notification(let method, let params): actions.append(.notification(method: method, params: params))
        }
    }

    private mutating func ended(_ id: Int?, _ result: consuming Result<JSON, LinkFailure>, into actions: inout [Action]) {
        guard let id, id >= 1, id < nextID else {
            counters.unknown += 1
            return
        }
        // What is still in the queue cannot be answered: the worker has guessed the id.
        guard requests[id]?.end != nil, let request = remove(id) else {
            if unanswered.remove(id) {
                counters.late += 1
                actions.append(.late(id: id))
            } else if requests[id] != nil {
                counters.late += 1
            } else {
                counters.duplicate += 1
            }
            return
        }
        switch consume result {
        case .success(let json):
            switch request.kind {
            case .initialize: actions.append(.initialized(json))
            case .ping: break
            case .event, .call:
                if request.kind == .event { counters.answered += 1 }
                actions.append(.answered(id: id, json))
            }
        case .failure(let failure):
            switch request.kind {
            case .initialize: actions += close(.handshake(failure.note))
            case .ping: break
            case .event, .call:
                if request.kind == .event { counters.failed[failure.cause, default: 0] += 1 }
                actions.append(.failed(id: id, failure))
            }
        }
    }

    /// The worker asks for more time, counted from now.
    private mutating func extend(_ params: JSON, now: Int64) {
        guard let id = params["id"]?.int, let more = params["ms"]?.int, more > 0, var request = requests[id],
            request.kind == .event, let written = request.writtenAt
        else { return }
        let latest = written + limits.maximumExtension
        let asked = min(now + Int64(min(more, 1 << 40)), latest)
        guard asked > request.deadline else { return }
        request.deadline = asked
        request.isOverdue = false
        requests[id] = request
    }

    /// Time has come to `now`: deadlines pass, the worker is asked whether it lives.
    public mutating func tick(now: Int64) -> [Action] {
        guard state != .closed else { return [] }
        guard let due = wake, due <= now else { return [] }
        var actions: [Action] = []
        // If we were not run for a while, what did not come meanwhile says nothing about the worker.
        let wasStarved = now - due > Self.starvation
        wake = nil
        for id in requests.numbers {
            guard var request = requests[id] else { continue }
            if request.deadline > now {
                wakeBy(request.deadline)
            } else if wasStarved, request.kind == .ping {
                request.deadline = now + limits.pingTimeout
                requests[id] = request
                wakeBy(request.deadline)
            } else if !request.isOverdue {
                // The answer may lie in the socket: one more turn of the loop reads it.
                request.isOverdue = true
                request.deadline = now + 1
                requests[id] = request
                wakeBy(request.deadline)
            } else {
                expire(id, now: now, into: &actions)
                if state == .closed { return actions }
            }
        }
        if state == .ready, limits.pingInterval > 0 {
            let isAsked = requests.values.contains { $0.kind == .ping }
            if openEvents == 0, !isAsked, missedPings > 0 || lastHeard + limits.pingInterval <= now {
                send(LinkMessage("ping", capacity: 64), .ping, timeout: limits.pingTimeout, now: now)
            } else if !isAsked {
                let next = lastHeard + limits.pingInterval
                wakeBy(next > now ? next : now + limits.pingInterval)
            }
        }
        return actions + pump(now: now)
    }

    /// Milliseconds by which `tick` comes late when the whole core stood still.
    private static let starvation: Int64 = 1000

    private mutating func expire(_ id: Int, now: Int64, into actions: inout [Action]) {
        guard let request = remove(id) else { return }
        if request.end != nil { unanswered.insert(id) }
        switch request.kind {
        case .initialize:
            actions += close(.handshake("no answer to initialize within \(request.timeout) ms"))
        case .ping:
            missedPings += 1
            counters.missedPings += 1
            if missedPings >= 2 { actions += close(.silent) }
        case .event where request.writtenAt == nil:
            counters.failed[.overload, default: 0] += 1
            actions.append(.failed(id: id, LinkFailure(.overload, "it could not be sent within \(request.timeout) ms")))
            guard request.end != nil else { return }
            sendCancel(id, why: "timeout")
            metSilence(now: now, into: &actions)
        case .event, .call:
            counters.failed[.timeout, default: 0] += 1
            let waited = now - (request.writtenAt ?? now)
            actions.append(.failed(id: id, LinkFailure(.timeout, "no answer within \(max(waited, request.timeout)) ms")))
            guard request.kind == .event else { return }
            sendCancel(id, why: "timeout")
            metSilence(now: now, into: &actions)
        }
    }

    /// A worker under load is never idle, and so never pinged: its silence shows in the events.
    private mutating func metSilence(now: Int64, into actions: inout [Action]) {
        silentTimeouts += 1
        if limits.pingInterval > 0, silentTimeouts >= 2, now - lastHeard >= limits.pingInterval { actions += close(.silent) }
    }

    private static func excerpt(_ line: UnsafeRawBufferPointer) -> String {
        let text = String(decoding: line.prefix(60), as: UTF8.self)
        return text.debugDescription + (line.count > 60 ? "…" : "")
    }
}
