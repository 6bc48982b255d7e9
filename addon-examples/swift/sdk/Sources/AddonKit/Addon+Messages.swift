/// What the core says, on the thread that reads, and what comes of it.
extension Addon {
    func receive(_ message: JSON) throws {
        guard message.members != nil else { throw Failure("no JSON object in a line: \(message)") }
        let (id, params) = (message["id"].int, message["params"])
        guard let method = message["method"].string else { return answered(id, message) }
        switch method {
        case "initialize":
            state.withLock { $0.credit = params["limits", "stream_credit"].int ?? $0.credit }
            answer(id, "result", state.withLock { $0.hello })
        case "initialized":
            let asked = state.withLock { $0.hello["permissions"].array } ?? []
            let missing = asked.filter { params["permissions"].array?.contains($0) == false }
            let refused = (params["refused"].array ?? []) + missing
            if !refused.isEmpty { complain("AddonKit: not granted: \(JSON.array(refused))") }
        case "ping": answer(id, "result", [:])
        case "cancel":
            let event = state.withLock { $0.open.removeValue(forKey: params["id"].int ?? 0) }
            event?.cancel()
        case _ where method.hasPrefix("stream."):
            let (what, number) = (method.dropFirst("stream.".count), params["s"].int ?? 0)
            let body = state.withLock { what == "reset" ? $0.bodies.removeValue(forKey: number) : $0.bodies[number] }
            body?.hear(what, params)
        default:
            guard let hook = hook(method, params) else {
                return answer(id, "error", ["code": -32601, "message": "no such method"])
            }
            let event = Event(self, method, id, params)
            if let id {
                state.withLock { $0.open[id] = event }
                event.task = Task { await serve(event, hook) }
            } else if case .dropped = observed.continuation.yield((event, hook)) {
                complain("AddonKit: \(method) was dropped: 1024 observed events wait")
            }
        }
    }

    func answered(_ id: Int?, _ message: JSON) {
        let call = state.withLock { $0.calls.removeValue(forKey: id ?? 0) }
        let error = CallFailure(error: message["error"])
        call?.resume(with: message.has("error") ? Result.failure(error) : .success(message["result"]))
    }

    private func answer(_ id: Int?, _ kind: String, _ value: JSON) {
        if let id { send(["id": .integer(id), kind: value]) }
    }

    /// What is to be run; what is to be done at the end only once, whether that is said or the connection just ends.
    private func hook(_ method: String, _ params: JSON) -> Hook? {
        state.withLock { state in
            switch method {
            case "command": state.commands[params["name"].string ?? ""]
            case "shutdown": state.hooks.removeValue(forKey: method)
            default: state.hooks[method]
            }
        }
    }

    /// Runs a handler, answers, and lets the body through if one comes.
    func serve(_ event: Event, _ hook: Hook) async {
        let kind: String, value: JSON, stream: Int?
        do {
            value = try await hook.handler?(event) ?? (event.name == "command" ? .null : [:])
            (kind, stream) = ("result", hook.body == nil ? nil : event.stream(behind: value))
        } catch {
            if !event.isCancelled { complain("AddonKit: \(event.name): \(error)") }
            (kind, value, stream) = ("error", ["code": -32000, "message": "\(error)"], nil)
        }
        // `cancel` and this exclude each other: one of them takes the event.
        let (isOpen, body) = state.withLock { state -> (Bool, Body?) in
            if event.name == "configure", kind == "result" { state.settings = event.params["options"] }
            guard let id = event.id, state.open.removeValue(forKey: id) != nil else { return (false, nil) }
            let body = stream.map { Body(self, $0, credit: state.credit) }
            if let body { state.bodies[body.number] = body }
            return (true, body)
        }
        if isOpen { answer(event.id, kind, value) }
        if let body, let run = hook.body { await carry(event, body, run) }
    }

    private func carry(_ event: Event, _ body: Body, _ run: BodyHandler) async {
        var ending: JSON = ["status": "error"]
        do {
            try await run(event, body)
            ending = body.ending
        } catch {
            ending["message"] = "\(error)"
        }
        // The core's reset takes the body out as well: then it knows.
        guard state.withLock({ $0.bodies.removeValue(forKey: body.number) }) != nil else { return }
        if ending.has("status") { complain("AddonKit: the body of \(event.name): \(ending["message"])") }
        body.say("end", ending)
    }

    /// Nothing comes any more: what waits is told so, and the addon cleans up.
    func end() async {
        let (open, calls, bodies) = state.withLock { state in
            defer { (state.link, state.open, state.bodies) = (nil, [:], [:]) }
            return (state.open.values, state.calls.keys, state.bodies.values)
        }
        for event in open { event.cancel() }
        for id in calls { answered(id, ["error": Self.gone]) }
        for body in bodies { body.hear("reset", ["why": "gone"]) }
        if let hook = hook("shutdown", [:]) { await serve(Event(self, "shutdown", nil, [:]), hook) }
    }
}
