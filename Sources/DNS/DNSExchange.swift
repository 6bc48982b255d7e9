import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// One query and what comes of it, from its arrival to its record. Confined to its client's loop.
///
/// `run` is the story. What nobody has changed is passed on octet for octet, but for the id.
final class DNSExchange: @unchecked Sendable {
    var flow: DNSFlow
    let loop: any EventLoop
    let services: Services
    let hooks: any HookPort
    let waiter = Waiter()
    let standstill: Standstill
    /// The query as it came.
    private let query: (message: DNSMessage, octets: [UInt8])
    private let source: AnswerSource
    /// How many octets of an answer the client takes; nil if that has no bound of its own.
    private let limit: Int?
    private var reply: Reply?
    private let send: ([UInt8]) -> Void

    init(
        _ flow: DNSFlow, octets: [UInt8], from source: AnswerSource, limit: Int?, loop: any EventLoop, services: Services,
        hooks: any HookPort, send: @escaping ([UInt8]) -> Void
    ) {
        self.flow = flow
        query = (flow.request, octets)
        self.source = source
        self.limit = limit
        self.loop = loop
        self.services = services
        self.hooks = hooks
        self.send = send
        standstill = Standstill(on: loop)
    }

    func run(on client: isolated some Asking) async {
        services.flows.add(self, id: flow.id)
        do throws(ProxyFailure) {
            try await fire(DNSHooks.table.request)
            try await intercept()
            if let error = flow.error { throw ProxyFailure(.badMessage(status: 502), fault: .worker, error.message) }
            if flow.response != nil {
                completeResponse()
            } else if let known = source.hosts?.answer(to: flow.request) {
                flow.response = known
                flow.response?.timestamp = WallClock.now
            } else {
                try await askServers(on: client)
            }
            try await fire(DNSHooks.table.response)
            try await intercept()
            if let response = flow.response { send(try octets(of: response)) }
        } catch {
            await fail(error)
        }
        flow.intercepted = false
        services.flows.finish(.dns(flow), on: loop)
        services.recorder.record(.dns(flow), sizes: BodySizes())
    }

    /// Nobody waits for the answer any more.
    func clientLeft() { waiter.end(.clientGone) }

    /// A response of a worker's making is an answer to the query, whatever the worker left out.
    private func completeResponse() {
        flow.response?.id = query.message.id
        flow.response?.isQuery = false
        flow.response?.recursionIsDesired = query.message.recursionIsDesired
        if flow.response?.questions.isEmpty == true { flow.response?.questions = query.message.questions }
        if flow.response?.timestamp == nil { flow.response?.timestamp = WallClock.now }
    }

    // MARK: The servers

    /// Asks one server after the other until one has an answer that others would not have better.
    private func askServers(on client: isolated some Asking) async throws(ProxyFailure) {
        guard limit != nil || !flow.request.asksForZone else {
            throw ProxyFailure(.badMessage(status: 502), fault: .client, "zone transfers are not passed on")
        }
        let octets = try requestOctets()
        var failure = ProxyFailure(.connect, fault: .us, "there is no name server to ask")
        for (index, server) in source.servers.enumerated() {
            do throws(ProxyFailure) {
                let query = Query(flow.request, octets: octets, id: Int(UInt16.random(in: .min ... .max)))
                let reply = try await ask(query, of: server, on: client)
                if reply.message.refusesService, index < source.servers.count - 1 { continue }
                return accept(reply)
            } catch {
                // Killed, or nobody waits any more.
                if waiter.ended != nil { throw error }
                failure = error.what == .killed ? ProxyFailure(.connect, fault: .worker, error.note) : error
            }
        }
        throw failure
    }

    private func ask(_ query: Query, of server: Address, on client: isolated some Asking) async throws(ProxyFailure) -> Reply {
        let seconds = client.services.settings[DNSOptions.table.timeout]
        let waiter = self.waiter
        let late = ProxyFailure(.timeout, fault: .server, "\(server) did not answer within \(seconds) seconds")
        let alarm = client.loop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) { waiter.end(late) }
        defer { alarm.cancel() }
        do throws(ProxyFailure) {
            return try await client.ask(query, of: server, waiter: waiter)
        } catch {
            // The time is over for this server only.
            if waiter.ended?.what == .timeout { waiter.reopen() }
            throw error
        }
    }

    private func accept(_ reply: Reply) {
        var message = reply.message
        message.id = query.message.id
        message.timestamp = WallClock.now
        flow.server = reply.server
        flow.response = message
        self.reply = Reply(message: message, octets: reply.octets, server: reply.server)
    }

    private func requestOctets() throws(ProxyFailure) -> [UInt8] {
        if flow.request == query.message { return query.octets }
        var request = flow.request
        request.isQuery = true
        return try Self.encoded("query") { () throws(WireFailure) in try request.octets() }
    }

    // MARK: The client

    private func octets(of response: DNSMessage) throws(ProxyFailure) -> [UInt8] {
        let limit = limit ?? .max
        if let reply, reply.message == response, reply.octets.count <= limit {
            var octets = reply.octets
            MessageHeader.replaceID(in: &octets, with: query.message.id)
            return octets
        }
        var answer = response
        answer.id = query.message.id
        answer.isQuery = false
        return try Self.encoded("response") { () throws(WireFailure) in try answer.datagram(limit: limit) }
    }

    private static func encoded(_ what: String, _ body: () throws(WireFailure) -> [UInt8]) throws(ProxyFailure) -> [UInt8] {
        do throws(WireFailure) {
            return try body()
        } catch {
            throw ProxyFailure(.badMessage(status: 502), fault: .worker, "the \(what) of the addons cannot be sent: \(error)")
        }
    }

    private func fail(_ failure: ProxyFailure) async {
        if !failure.endsSilently, let answer = try? query.message.failed(.serverFailure).datagram(limit: limit ?? .max) {
            send(answer)
        }
        flow.error = failure.flowError
        services.logger.log(level: failure.what == .cancelled ? .debug : .info, "\(label): \(failure.note)")
        waiter.reopen()
        try? await fire(DNSHooks.table.error)
    }
}

/// Where answers come from.
struct AnswerSource: Sendable {
    /// Asked in this order.
    let servers: [Address]
    /// What is answered without them.
    let hosts: HostsFile?
}

extension DNSMessage {
    /// Whether the answer is a series of messages: AXFR, IXFR (RFC 5936, 1995).
    fileprivate var asksForZone: Bool { questions.contains { $0.type == 252 || $0.type == 251 } }

    /// Whether another server may know better: SERVFAIL, NOTIMP, REFUSED.
    fileprivate var refusesService: Bool { [2, 4, 5].contains(responseCode) }
}
