import AddonHost
import AddonWire
import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What a worker said of itself, with samples of the events that it asked for.
struct Profile: Sendable {
    /// One hook that it asked for.
    struct Subject: Sendable {
        let request: HookRequest
        let selection: Selection?
        /// Of a flow that its filter admits; nil if none of the samples is one, or the hook has none.
        let traits: SampleTraits?
        /// Milliseconds in which an event is answered.
        let timeout: Int64

        var name: String { request.name }
        var isFlowEvent: Bool { request.hook is Hook<FlowEvent> }
        /// Whether an event of it has an answer.
        var answers: Bool { !request.isNotification && traits != nil }
    }

    let result: InitializeResult
    let subjects: [Subject]
    let longestLine: Int
    let maximumInFlight: Int

    /// Throws what the core would refuse in the answer to `initialize`.
    init(_ result: InitializeResult, limits: LinkLimits, methods: Set<String>, timeout: Int64) throws(StateRefusal) {
        self.result = result
        for (index, method) in result.permissions.enumerated() where !methods.contains(method) {
            throw StateRefusal(.badState, at: "permissions[\(index)]", "there is no call '\(method)'")
        }
        longestLine = result.maximumLine.map { min($0, limits.ownLine) } ?? limits.workerLine
        maximumInFlight = min(limits.maximumInFlight, result.maximumInFlight ?? .max)
        var subjects: [Subject] = []
        for (index, request) in result.hooks.enumerated() {
            let path = "hooks[\(index)]"
            try request.checkContent(at: path)
            let selection = try request.selection(at: path)
            let filter = try request.readFilter(at: path)
            subjects.append(
                Subject(
                    request: request, selection: selection, traits: Self.traits(request, filter),
                    timeout: min(request.timeout ?? timeout, max(timeout, limits.maximumExtension))))
        }
        self.subjects = subjects
    }

    private static func traits(_ request: HookRequest, _ filter: Filter?) -> SampleTraits? {
        let candidates = SampleTraits.plain + (request.filter.map { FilterHints.traits(of: $0) } ?? [])
        return candidates.first { traits in
            guard let sample = SampleFlows.make(request.hook, traits, options: [:]) else { return false }
            guard let filter, let flow = sample.flow else { return true }
            return filter.matches(FilteredFlow(flow))
        }
    }

    /// The event that stands for any other: of a flow with a request and a response where there is one.
    var main: Subject? {
        subjects.first { $0.answers && $0.isFlowEvent } ?? subjects.first { $0.answers && !$0.isOfLife }
    }

    /// Hooks of HTTP flows with an answer.
    var flowSubjects: [Subject] { subjects.filter { $0.answers && $0.isFlowEvent } }

    func subjects(of hook: any AnyHook) -> [Subject] { subjects.filter { $0.request.hook.index == hook.index } }
}

extension Profile.Subject {
    /// Whether it is about the proxy's own life, whose events come in an order of their own.
    var isOfLife: Bool { LifecycleHooks.table.hooks.contains { $0.index == request.hook.index } }

    /// One event as the worker is sent it.
    struct Event: Sendable {
        let message: Message
        let shown: Sample.Shown
        let flow: AnyFlow?
        /// What stands for bodies that go beside its line.
        let references: [(MessageSide, ContentReference)]
    }

    /// An event of these traits. A hook that takes its body in parts is shown none, but for a `content` that says how it comes.
    func event(_ traits: SampleTraits, options: JSONObject = [:], content: Content? = nil) -> Event? {
        var traits = traits
        if request.content.isPart, content == nil {
            if request.side == .request { traits.requestBody = "" } else { traits.body = "" }
        }
        guard let sample = SampleFlows.make(request.hook, traits, options: options) else { return nil }
        let shown = sample.shown(request.content, content == nil ? nil : request.side, content)
        let selection = selection
        let line = LinkMessage(request.name) { writer in
            shown.write(selection, &writer)
            guard !request.isNotification else { return }
            writer.key("timeout_ms")
            writer.int(Int(timeout))
            writer.key("attempt")
            writer.int(1)
        }
        var references: [(MessageSide, ContentReference)] = []
        if let side = request.side, case .reference(let reference)? = content { references = [(side, reference)] }
        return Event(message: Message(request.name, line), shown: shown, flow: sample.flow, references: references)
    }
}
