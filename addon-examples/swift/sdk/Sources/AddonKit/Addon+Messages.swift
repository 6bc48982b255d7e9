import Glibc

/// What the core says, on the thread that reads.
extension Addon {
    func receive(_ message: JSON) throws {
        guard message.members != nil else { throw Failure("no JSON object in a line: \(message)") }
        let (id, params) = (message["id"].int, message["params"])
        guard let method = message["method"].string else { return answered(id, message) }
        switch method {
        case "initialize": greet(id, params)
        case "initialized": warn(params)
        case "cancel": cancel(params["id"].int ?? 0)
        case "drain": state.withLock { $0.isDraining = true }
        case "ping": answer(id, "result", [:])
        case "shutdown":
            Task {
                await cleanUp()
                answer(id, "result", [:])
            }
        case "command":
            guard let name = params["name"].string, let handler = state.withLock({ $0.commands[name] }) else { return refuse(id) }
            start(Event(self, name, id, params), Hook(handler: handler, body: nil), nothing: .null)
        case _ where method.hasPrefix("stream."):
            let what = method.dropFirst("stream.".count)
            let body = state.withLock { state in
                what == "reset" ? state.bodies.removeValue(forKey: params["s"].int ?? 0) : state.bodies[params["s"].int ?? 0]
            }
            body?.hear(what, params)
        default:
            guard let hook = state.withLock({ $0.hooks[method] }) else { return refuse(id) }
            let event = Event(self, method, id, params)
            if id == nil { observe(event, hook) } else { start(event, hook, nothing: [:]) }
        }
    }

    private func answer(_ id: Int?, _ kind: String, _ value: JSON) {
        if let id { send(["id": .integer(id), kind: value]) }
    }

    private func refuse(_ id: Int?) { answer(id, "error", ["code": -32601, "message": "no such method"]) }

    private func answered(_ id: Int?, _ message: JSON) {
        guard let call = state.withLock({ $0.calls.removeValue(forKey: id ?? 0) }) else { return }
        if message.has("error") {
            call.resume(throwing: CallFailure(message["error"]))
        } else {
            call.resume(returning: message["result"])
        }
    }

    private func greet(_ id: Int?, _ params: JSON) {
        let hello = state.withLock { state in
            state.credit = params["limits", "stream_credit"].int ?? state.credit
            return state.hello
        }
        answer(id, "result", hello)
    }

    private func warn(_ params: JSON) {
        let missing = (state.withLock { $0.hello["permissions"].array } ?? []).filter {
            params["permissions"].array?.contains($0) == false
        }
        if let refused = params["refused"].array, !refused.isEmpty {
            complain("AddonKit: hooks were refused: \(params["refused"])")
        }
        if !missing.isEmpty { complain("AddonKit: permissions were not granted: \(JSON.array(missing))") }
    }

    // MARK: Events

    private func start(_ event: Event, _ hook: Hook, nothing: JSON) {
        let offered = event.offered
        let body = state.withLock { state in
            if let id = event.id { state.open[id] = (event, nil) }
            let body = offered.map { Body(self, $0.stream, credit: state.credit) }
            if let body { state.bodies[body.number] = body }
            return body
        }
        let task = Task {
            let result: JSON?
            do {
                result = try await hook.handler?(event) ?? nothing
                if let result { settle(event, "result", result) }
            } catch {
                result = nil
                if !event.isCancelled { complain("AddonKit: \(event.name): \(error)") }
                settle(event, "error", ["code": -32000, "message": "\(error)"])
            }
            guard let body, let offered else { return }
            guard let result, !event.isCancelled, event.opens(result, offered.part), let run = hook.body else {
                return forget(body)
            }
            await pass(event, body, run)
        }
        state.withLock { state in
            if let id = event.id, let open = state.open[id] {
                state.open[id] = (open.0, task)
                if event.isCancelled { task.cancel() }
            }
        }
    }

    private func observe(_ event: Event, _ hook: Hook) {
        let (isFull, isFirst) = state.withLock { state in
            guard state.observed.count < 1024 else { return (true, false) }
            state.observed.append((event, hook))
            defer { state.isObserving = true }
            return (false, !state.isObserving)
        }
        if isFull { complain("AddonKit: \(event.name) was dropped: 1024 observed events wait") }
        guard isFirst else { return }
        Task {
            while let (event, hook) = state.withLock({ state in
                let next = state.observed.popFirst()
                state.isObserving = next != nil
                return next
            }) {
                do { _ = try await hook.handler?(event) } catch { complain("AddonKit: \(event.name): \(error)") }
            }
        }
    }

    private func settle(_ event: Event, _ kind: String, _ value: JSON) {
        // `cancel` and this exclude each other: one of them takes the event.
        let isWanted = state.withLock { state in
            if kind == "result", event.name == "configure" { state.settings = event.params["options"] }
            return event.id.map { state.open.removeValue(forKey: $0) != nil && !event.isCancelled } ?? false
        }
        if isWanted { answer(event.id, kind, value) }
    }

    private func cancel(_ id: Int) {
        let task = state.withLock { state in
            state.open[id]?.0.cancel()
            return state.open[id]?.1
        }
        task?.cancel()
    }

    // MARK: Bodies

    private func pass(_ event: Event, _ body: Body, _ run: BodyHandler) async {
        do {
            try await run(event, body)
            body.finish([:])
        } catch is StreamOver {
            // The core knows.
        } catch {
            complain("AddonKit: the body of \(event.name): \(error)")
            body.finish(["status": "error", "message": "\(error)"])
        }
        forget(body)
    }

    private func forget(_ body: Body) { state.withLock { $0.bodies[body.number] = nil } }

    /// Nothing that comes for the body is wanted any more.
    func end(_ body: Body, _ say: () -> Void) {
        forget(body)
        say()
    }
}
