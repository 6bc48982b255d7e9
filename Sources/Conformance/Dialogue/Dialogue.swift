import AddonWire
import Schema

/// The core's side of a connection as a test has it: what was sent, what came back, and what may not come. Without I/O and clock.
///
/// Ids are the caller's to choose and are used once. The first thing that a worker may not send is kept as `breach`, with the case that it
/// concerns; a bad line ends the dialogue, as it would end the connection. The worker's calls are answered as they come.
struct Dialogue {
    /// One request of ours.
    struct Request {
        let method: String
        /// The case that sent it.
        let owner: String
        /// Until then it has to be answered, in milliseconds from the moment when it was sent.
        var patience: Int64
        var sentAt: Int64
        var isCancelled = false
        var answer: Incoming?
    }

    /// Something that a worker may not send.
    struct Breach: Equatable {
        /// The case that sent the request that it is about; nil if it is about none.
        let owner: String?
        let failure: CaseFailure
    }

    private(set) var requests: [Int: Request] = [:]
    private(set) var breach: Breach?
    /// Notifications that were heard and not taken.
    private(set) var notifications: [(method: String, params: JSON)] = []
    /// Whether the other side has ended, or sent what ends the connection.
    private(set) var isOver = false
    private(set) var linesRead = 0
    /// Bytes to be sent.
    private(set) var output: [UInt8] = []
    var calls: CallAnswers
    /// Calls and notifications are kept for the caller, who answers them.
    var keepsCalls = false
    private var heard: [(id: JSON?, method: String, params: JSON)] = []
    private var nextID = 1
    private var lastStream = 0
    private var splitter: LineSplitter
    private let reader: JSONReader

    init(limits: LinkLimits, calls: CallAnswers) {
        splitter = LineSplitter(limit: limits.ownLine)
        reader = JSONReader(maximumDepth: limits.maximumDepth, maximumValues: limits.maximumValues)
        self.calls = calls
    }

    // MARK: To the worker

    /// Sends a request, of the next id if none is given; the result is its id.
    mutating func request(
        _ message: Message, id given: Int? = nil, owner: String, patience: Int64, now: Int64
    ) -> Int {
        let id = given ?? nextID
        nextID = given == nil ? nextID + 1 : nextID
        requests[id] = Request(method: message.method, owner: owner, patience: patience, sentAt: now)
        message.append(id: id, to: &output)
        return id
    }

    /// An id that is given to nobody else.
    mutating func claimID() -> Int {
        defer { nextID += 1 }
        return nextID
    }

    /// A number for a stream or a body that is held, used once.
    mutating func claimStream() -> Int {
        lastStream += 1
        return lastStream
    }

    mutating func notify(_ message: Message) { message.append(id: nil, to: &output) }

    /// Sends bytes as they are.
    mutating func send(_ bytes: [UInt8]) { output += bytes }

    /// Sends `cancel` for one that is open.
    mutating func cancel(_ id: Int, why: String) {
        requests[id]?.isCancelled = true
        notify(Message("cancel", ["id": .int(id), "why": .string(why)]))
    }

    mutating func wrote(_ count: Int) { output.removeFirst(count) }

    // MARK: From the worker

    mutating func received(_ bytes: UnsafeRawBufferPointer, now: Int64) {
        guard !isOver else { return }
        var splitter = splitter
        self.splitter = LineSplitter(limit: 0)
        do throws(LineSplitter.Failure) {
            try splitter.feed(bytes) { if !isOver { line($0, now: now) } }
        } catch {
            bad("a line of more than \(splitter.limit) bytes", section: 12)
        }
        self.splitter = splitter
    }

    /// The worker has closed its end.
    mutating func ended() {
        guard !isOver else { return }
        if splitter.holdsPartialLine { bad("a last line without its line feed", section: 2) }
        isOver = true
    }

    /// Notifications that begin so, which are heard no more.
    mutating func take(_ prefix: String) -> [(method: String, params: JSON)] {
        let taken = notifications.filter { $0.method.hasPrefix(prefix) }
        notifications.removeAll { $0.method.hasPrefix(prefix) }
        return taken
    }

    func hasHeard(_ method: String, isCall: Bool) -> Bool { heard.contains { $0.method == method && ($0.id != nil) == isCall } }

    /// The oldest of that method that was kept.
    mutating func takeHeard(_ method: String, isCall: Bool) -> (id: JSON?, params: JSON)? {
        guard let index = heard.firstIndex(where: { $0.method == method && ($0.id != nil) == isCall }) else { return nil }
        let taken = heard.remove(at: index)
        return (taken.id, taken.params)
    }

    /// Forgets what was done wrong, once it was said.
    mutating func takeBreach() -> Breach? {
        defer { breach = nil }
        return breach
    }

    private mutating func line(_ line: UnsafeRawBufferPointer, now: Int64) {
        linesRead += 1
        let incoming: Incoming
        do {
            incoming = try Incoming(reader.read(line))
        } catch {
            return bad("\(error): \(String(decoding: line.prefix(120), as: UTF8.self).debugDescription)", section: 2)
        }
        switch incoming {
        case .result(let id, _), .error(let id, _, _): answered(id, incoming)
        case .malformedReply(let id, let what):
            answered(id, incoming)
            note(id.flatMap { requests[$0]?.owner }, "an answer with either result or error", "\(what), for id \(id ?? 0)", 2)
        case .call(let id, let method, let params) where keepsCalls: heard.append((id, method, params))
        case .notification(let method, let params) where keepsCalls: heard.append((nil, method, params))
        case .call(let id, let method, let params):
            let answer = calls.answer(method, params)
            output += JSON.object(answer.envelope(id)).encoded + [0x0A]
        case .notification("event.extend", let params):
            guard let id = params["id"]?.int, let more = params["ms"]?.int, requests[id]?.answer == nil else { return }
            let sentAt = requests[id]?.sentAt ?? now
            requests[id]?.patience = min(now - sentAt + Int64(clamping: more), LinkLimits().maximumExtension)
        case .notification(let method, let params):
            notifications.append((method, params))
        }
    }

    private mutating func answered(_ id: Int?, _ incoming: Incoming) {
        guard let id, let request = requests[id] else {
            let what = id.map { "an answer to id \($0), which was never sent" } ?? "an answer without an id of ours"
            return note(nil, "answers to the ids of the core's requests alone", what, 2)
        }
        guard request.answer == nil else {
            return note(request.owner, "one answer to each id", "a second answer to id \(id), '\(request.method)'", 2)
        }
        requests[id]?.answer = incoming
    }

    private mutating func note(_ owner: String?, _ expected: String, _ found: String, _ section: Int) {
        if breach == nil {
            breach = Breach(owner: owner, failure: CaseFailure(expected: expected, found: found, section: section))
        }
    }

    private mutating func bad(_ what: String, section: Int) {
        breach = Breach(
            owner: nil,
            failure: CaseFailure(
                expected: "nothing but lines of the protocol on its socket", found: "a bad line: \(what)", section: section))
        isOver = true
    }
}
