private import Schema

/// What leaves: the queue, the output and the bounds of both.
extension LinkCore {
    /// The bytes that are to be sent, in order; empties the store.
    public mutating func takeOutput() -> [UInt8] {
        counters.bytesWritten += output.count
        defer { output = [] }
        return output
    }

    /// The socket has taken `count` more bytes: the deadlines of the events among them begin.
    public mutating func wrote(_ count: Int, now: Int64) -> [Action] {
        guard state != .closed else { return [] }
        written += count
        var ended = 0
        for id in unwritten {
            guard var request = requests[id], let end = request.end else {
                ended += 1
                continue
            }
            guard end <= written else { break }
            request.writtenAt = now
            request.deadline = now + request.timeout
            request.isOverdue = false
            requests[id] = request
            wakeBy(request.deadline)
            ended += 1
        }
        unwritten.removeFirst(ended)
        return queued > 0 ? pump(now: now) : []
    }

    /// Whether what has ended may have made room for something, or was the last of something.
    var mayPump: Bool { queueHead < queue.count || state == .draining }

    /// Sends what waits, as far as the bounds allow, and says whether the connection is drained.
    mutating func pump(now: Int64) -> [Action] {
        while queueHead < queue.count {
            let (id, message) = queue[queueHead]
            // Those that ended in the queue left their place behind.
            if let request = requests[id] {
                guard hasRoom(for: request.size) else { break }
                queued -= 1
                transmit(id, message, request)
            }
            queueHead += 1
        }
        if queueHead == queue.count || queueHead > 1024 {
            queue.removeFirst(queueHead)
            queueHead = 0
        }
        return drained()
    }

    mutating func drained() -> [Action] {
        guard state == .draining, openEvents == 0, !saidDrained else { return [] }
        saidDrained = true
        return [.drained]
    }

    @discardableResult
    mutating func send(_ message: LinkMessage, _ kind: Request.Kind, timeout: Int64, now: Int64) -> Int {
        let id = takeID()
        transmit(
            id, message, Request(kind: kind, size: message.length(id: id), timeout: timeout, deadline: now + timeout))
        wakeBy(now + timeout)
        return id
    }

    mutating func sendCancel(_ id: Int, why: String) {
        notify(
            LinkMessage("cancel", capacity: 64) { writer in
                writer.key("id")
                writer.int(id)
                writer.key("why")
                writer.string(why)
            })
    }

    private mutating func transmit(_ id: Int, _ message: LinkMessage, _ request: Request) {
        var request = request
        append(message, id: id)
        request.end = appended
        requests[id] = request
        unwritten.append(id)
        guard request.kind == .event else { return }
        inFlight += 1
        bytesInFlight += request.size
        counters.eventsSent += 1
    }

    mutating func append(_ message: LinkMessage, id: Int?) {
        let before = output.count
        message.append(id: id, to: &output)
        appended += output.count - before
    }

    mutating func reply(_ line: [UInt8]) -> [Action] {
        guard state != .closed else { return [] }
        // A worker that calls and does not read the answers must not fill our memory.
        guard hasOutputRoom(for: line.count) else { return close(.notReading) }
        output += line
        appended += line.count
        return []
    }

    func hasRoom(for size: Int) -> Bool {
        inFlight < limits.maximumInFlight && (inFlight == 0 || bytesInFlight + size <= limits.maximumBytesInFlight)
            && hasOutputRoom(for: size)
    }

    func hasOutputRoom(for size: Int) -> Bool {
        appended == written || appended - written + size <= limits.maximumBytesInFlight
    }
}
