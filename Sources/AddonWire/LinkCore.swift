public import Schema

/// The core's side of one connection to a worker: JSON-RPC 2.0, one object a line, without I/O and without a clock.
///
/// States: `initializing` → `ready` → `draining` → `closed`, the last one final; every state may go to `closed`.
///
/// Rules. Every event that was accepted ends exactly once, as `.answered`, `.failed` or by its own `cancel`. No event is sent
/// before the handshake, none above the bounds in flight; those that wait are sent in order. An event fails as `overload` if
/// it was not written within its timeout, and as `timeout` if it was not answered within its timeout after that; what has
/// arrived is read before. A worker that stays silent while events run out, or does not answer pings, is given up. A bad
/// line closes the connection, a bad answer costs its event. Ids count from 1 and are never given out twice.
///
/// Left to the caller: moving bytes (`takeOutput`, `received`, `wrote`), calling `tick` at `wake`, what the messages mean.
/// Times are milliseconds of a clock that never goes back.
public struct LinkCore {
    public enum State: Sendable, Equatable {
        case initializing, ready, draining, closed
    }

    /// What the caller has to do, in order. Bytes to be sent are in `takeOutput()`.
    public enum Action: Sendable, Equatable {
        /// The result of `initialize`: to be met with `accept` or `close`.
        case initialized(JSON)
        case answered(id: Int, JSON)
        case failed(id: Int, LinkFailure)
        /// A worker has answered an event that had ended.
        case late(id: Int)
        /// To be met with `answer` or `refuse`.
        case call(id: JSON, method: String, params: JSON)
        case notification(method: String, params: JSON)
        /// The last event of a draining connection has ended.
        case drained
        /// The connection is over; nothing follows.
        case close(LinkEnd)
    }

    /// What became of a new event.
    public enum OnEvent: Sendable, Equatable {
        case accepted(id: Int)
        /// It ended at once; no action will name it.
        case refused(LinkFailure)
    }

    struct Request {
        enum Kind { case initialize, ping, event, call }
        let kind: Kind
        let size: Int
        let timeout: Int64
        var deadline: Int64
        /// Set once it left the queue: where its line ends in the stream of output.
        var end: Int?
        var writtenAt: Int64?
        /// The deadline has passed once; what has arrived meanwhile is still read.
        var isOverdue = false
    }

    public internal(set) var state = State.initializing
    public internal(set) var limits: LinkLimits
    public internal(set) var counters = LinkCounters()
    /// The time at which `tick` must be called, at the latest; nil for never. May be too early.
    public internal(set) var wake: Int64?

    var requests = OpenNumbers<Request>()
    var nextID = 1
    var inFlight = 0
    var bytesInFlight = 0
    var queue: [(id: Int, message: LinkMessage)] = []
    var queueHead = 0
    var queued = 0
    var output: [UInt8] = []
    /// Bytes ever put into `output`, and bytes that the socket has taken.
    var appended = 0
    var written = 0
    var unwritten: [Int] = []
    var saidDrained = false
    var lastHeard: Int64 = 0
    var missedPings = 0
    /// Events that ran out of time since the worker was heard last.
    var silentTimeouts = 0
    /// Requests that ended without an answer, which may still come; the oldest are forgotten.
    var unanswered = RecentNumbers()
    var splitter: LineSplitter
    let reader: JSONReader

    public init(limits: LinkLimits = LinkLimits()) {
        self.limits = limits
        splitter = LineSplitter(limit: limits.ownLine)
        reader = JSONReader(maximumDepth: limits.maximumDepth, maximumValues: limits.maximumValues, keepsText: true)
    }

    /// Events that were accepted and have not ended.
    public var openEvents: Int { inFlight + queued }
    /// Those of them that the worker has.
    public var eventsInFlight: Int { inFlight }
    /// Those of them that wait for others to end.
    public var eventsQueued: Int { queued }
    /// Whether `takeOutput` has bytes.
    public var hasOutput: Bool { !output.isEmpty }

    /// Whether a request has ended without an answer which may still come.
    public func mayStillAnswer(_ id: Int) -> Bool { unanswered.contains(id) }

    /// Begins the handshake. Call once, first.
    public mutating func start(_ initialize: LinkMessage, now: Int64) {
        lastHeard = now
        send(initialize, .initialize, timeout: limits.handshakeTimeout, now: now)
    }

    /// Ends the handshake after `.initialized`: the worker's own limits hold from now on, where they are the lower ones.
    public mutating func accept(_ initialized: LinkMessage, workerLine: Int?, maximumInFlight: Int?, now: Int64) {
        guard state == .initializing else { return }
        state = .ready
        if let workerLine { limits.workerLine = min(workerLine, limits.ownLine) }
        if let maximumInFlight { limits.maximumInFlight = min(limits.maximumInFlight, maximumInFlight) }
        notify(initialized)
        wakeBy(now + limits.pingInterval)
    }

    /// Sends an event, now or when others have ended. While draining only the last one, `done`, is taken.
    public mutating func event(_ message: LinkMessage, timeout: Int64, isLast: Bool = false, now: Int64) -> OnEvent {
        guard state == .ready || (state == .draining && isLast) else {
            return .refused(LinkFailure(.crash, state == .closed ? "the connection is closed" : "the connection takes no events"))
        }
        let size = message.length(id: nextID)
        guard size <= limits.workerLine else {
            counters.failed[.tooLarge, default: 0] += 1
            let note = "the event's line has \(size) bytes; the worker takes \(limits.workerLine)"
            return .refused(LinkFailure(.tooLarge, note))
        }
        guard queued > 0 || !hasRoom(for: size) else {
            return .accepted(id: send(message, .event, timeout: timeout, now: now))
        }
        guard queued < limits.queueLength else {
            counters.failed[.overload, default: 0] += 1
            return .refused(LinkFailure(.overload, "\(queued) events wait already"))
        }
        let id = takeID()
        requests[id] = Request(kind: .event, size: size, timeout: timeout, deadline: now + timeout)
        wakeBy(now + timeout)
        queue.append((id, message))
        queued += 1
        return .accepted(id: id)
    }

    /// Sends a request that is no event, such as `shutdown`; it ends like one. Nil if the connection is closed.
    public mutating func request(_ message: LinkMessage, timeout: Int64, now: Int64) -> Int? {
        guard state != .closed else { return nil }
        return send(message, .call, timeout: timeout, now: now)
    }

    /// Sends a notification, unless the worker does not keep up or the line is too long: then it is dropped and counted.
    @discardableResult
    public mutating func notify(_ message: LinkMessage) -> Bool {
        let size = message.length(id: nil)
        guard state == .ready || state == .draining, size <= limits.workerLine, hasOutputRoom(for: size) else {
            counters.notificationsDropped += 1
            return false
        }
        counters.notificationsSent += 1
        append(message, id: nil)
        return true
    }

    /// Sends a notification whose amount the worker itself bounds, by the credit of a stream.
    public mutating func post(_ message: LinkMessage) {
        guard state == .ready || state == .draining else { return }
        append(message, id: nil)
    }

    /// Ends an event that nobody waits for any more: tells the worker and frees the slot. `why` is a stable word.
    public mutating func cancel(_ id: Int, why: String, now: Int64) -> [Action] {
        guard state != .closed, let request = remove(id), request.kind == .event else { return [] }
        counters.cancelled += 1
        if request.end != nil {
            unanswered.insert(id)
            sendCancel(id, why: why)
        }
        return pump(now: now)
    }

    /// Answers a worker's call, or refuses it if the worker cannot take a line as long as that.
    public mutating func answer(_ id: JSON, _ result: JSON) -> [Action] {
        let line = LinkMessage.answer(to: id, result)
        guard line.count <= limits.workerLine + 1 else {
            return refuse(
                id, code: -32006, kind: "too_large",
                "the answer has \(line.count - 1) bytes; the worker takes \(limits.workerLine)")
        }
        return reply(line)
    }

    /// Refuses a worker's call; `kind` is the stable word.
    public mutating func refuse(_ id: JSON, code: Int, kind: String, _ message: String, path: String? = nil) -> [Action] {
        reply(LinkMessage.refusal(to: id, code: code, kind: kind, message: message, path: path))
    }

    /// Takes no new events from now on; `.drained` follows when those at hand have ended.
    public mutating func drain() -> [Action] {
        guard state == .ready else { return [] }
        notify(LinkMessage("drain", capacity: 64))
        state = .draining
        return drained()
    }

    /// The connection ended, or the caller ends it; every request fails.
    public mutating func close(_ end: LinkEnd) -> [Action] {
        guard state != .closed else { return [] }
        let isHandshake = state == .initializing
        state = .closed
        wake = nil
        output = []
        queue = []
        var actions: [Action] = []
        for id in requests.numbers {
            guard let request = requests[id], request.kind == .event || request.kind == .call else { continue }
            if request.kind == .event { counters.failed[.crash, default: 0] += 1 }
            actions.append(.failed(id: id, LinkFailure(.crash, end.description)))
        }
        requests = OpenNumbers()
        (inFlight, bytesInFlight, queued) = (0, 0, 0)
        actions.append(.close(isHandshake && end == .ended ? .handshake("it closed the connection before it answered") : end))
        return actions
    }

    /// Removes a request that has ended and gives its slot free; the caller pumps.
    mutating func remove(_ id: Int) -> Request? {
        guard let request = requests.remove(id) else { return nil }
        if request.kind == .event {
            if request.end == nil {
                queued -= 1
            } else {
                inFlight -= 1
                bytesInFlight -= request.size
            }
        }
        return request
    }

    mutating func wakeBy(_ time: Int64) { wake = min(wake ?? time, time) }

    mutating func takeID() -> Int {
        defer { nextID += 1 }
        return nextID
    }
}
