import FlowModel
import HTTPExchange
import Logging
import ProxyKernel
import Schema
import Synchronization

/// `server_replay`: answers requests with the responses of recorded flows whose requests are like them.
///
/// Flows of equal requests are given in the order of their recording, each once unless they are to be reused.
final class ServerReplay: Rule {
    let moments: [Moment] = [.request]
    private let form: ReplayKey.Form
    private let extra: String
    private let reuses: Bool
    private let refreshes: Bool
    private let logger: Logger
    private let flows: Mutex<[ReplayKey: ArraySlice<HTTPFlow>]>

    /// Nil if the option is not set. Flows without a response, and those that became another protocol, are never given.
    init?(_ settings: Settings, _ recorded: [HTTPFlow], _ logger: Logger) {
        let options = RuleOptions.table
        guard !settings[options.serverReplay].isEmpty else { return nil }
        form = ReplayKey.Form(settings)
        extra = settings[options.replayExtra]
        reuses = settings[options.replayReuse]
        refreshes = settings[options.replayRefresh]
        self.logger = logger
        var flows: [ReplayKey: ArraySlice<HTTPFlow>] = [:]
        for flow in recorded where flow.response != nil && flow.response?.statusCode != 101 {
            flows[ReplayKey(flow.request, form), default: []].append(flow)
        }
        self.flows = Mutex(flows)
    }

    func needsContent(at _: Moment, of _: HTTPFlow) -> Bool { !form.ignoresContent }

    func apply(to flow: inout HTTPFlow, at _: Moment) throws(ProxyFailure) {
        guard flow.response == nil else { return }
        if var response = next(like: flow.request)?.response {
            if refreshes { response.refresh(at: WallClock.now) }
            flow.response = response
            flow.isReplay = "response"
            return
        }
        if extra == "kill" {
            throw .killed("option server_replay_extra: no recorded flow is like \(flow.request.method) \(flow.request.url)")
        }
        guard let status = Int(extra) else { return }
        logger.warning("option server_replay: no recorded flow is like \(flow.request.method) \(flow.request.url): \(status)")
        flow.response = .made(status)
        flow.isReplay = "response"
    }

    private func next(like request: Request) -> HTTPFlow? {
        if case .file(let file) = request.content, !form.ignoresContent {
            logger.warning("option server_replay: \(request.url): a body of \(file.size) bytes is too long to be compared")
            return nil
        }
        let key = ReplayKey(request, form)
        return flows.withLock { reuses ? $0[key]?.first : $0[key]?.popFirst() }
    }
}

extension Response {
    /// Moves the dates in the header by the time since the response came.
    mutating func refresh(at now: Double) {
        let delay = now - timestampStart
        for name in ["Date", "Expires", "Last-Modified"] {
            guard let date = headers.first(named: name).flatMap({ HTTPDate.read($0.string) }),
                let moved = HTTPDate.text(date + delay)
            else { continue }
            headers.set(named: name, ByteString(moved))
        }
        var index = 0
        while let found = headers.index(of: "Set-Cookie", from: index) {
            let moved = Self.refreshed(headers.value(at: found), by: delay)
            headers.replaceValue(at: found, with: moved)
            index = found + 1
        }
    }

    /// A cookie with `Expires` moved; all else stays, octet for octet.
    private static func refreshed(_ cookie: ByteString, by delay: Double) -> ByteString {
        let parts = cookie.bytes.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map { part in
            let text = String(decoding: part, as: UTF8.self)
            let name = text.prefix { $0 != "=" }
            guard name.filter({ $0 != " " }).lowercased() == "expires",
                let date = HTTPDate.read(String(text.dropFirst(name.count))),
                let moved = HTTPDate.text(date + delay)
            else { return Array(part) }
            return Array("\(name)=\(moved)".utf8)
        }
        return ByteString(parts.joined(separator: [UInt8(ascii: ";")]))
    }
}
