import AddonWire
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// The calls that list flows, read them and decide about those that live. Each works on the flow's state as it is now, on the flow's
/// own loop.
enum FlowCalls {
    static let table: [CoreCall] = [
        CoreCall(
            method: "flow.list",
            params:
                "`filter`: an expression; all flows without it. `fields`: as in a hook, without `flow.` before them. `live`: true for live flows only, false for ended ones. `after`: the `next` of an earlier answer",
            doc:
                "The live flows and the ended ones that are in the store, oldest first: `{\"flows\": [state, …], \"evicted\": n}`, with the number of flows that have left the store; with `next` if more follow than the worker's line has room for. Bodies and messages are left out. A flow lacks the members that its type does not have.",
            answer: list),
        CoreCall(
            method: "flow.get", params: "`id`; `content`: `none`, `whole` or `decoded`, as in a hook",
            doc:
                "The state of a flow and what is not in it: `{\"flow\": state, \"live\": b, \"killable\": b, \"modified\": b}`. A flow is modified if it differs from its backup. With `none` the messages of WebSockets, TCP and UDP are left out. Of a WebSocket also `messages_before`, how many came before those that are shown.",
            answer: get),
        CoreCall(
            method: "flow.resume", params: "`id`", doc: "Lets an intercepted flow go on; `conflict` if it does not stand still.",
            answer: { (params, worker) throws(CallFailure) in
                try onFlow(params, worker) { (flow) throws(CallFailure) in
                    try worker.mayChange("flow.intercepted")
                    guard flow.resume() else { throw .conflict("the flow is not intercepted") }
                    return [:]
                }
            }),
        CoreCall(
            method: "flow.wait", params: "`id`",
            doc: "Answers as soon as the flow does not stand still, like `flow.get` without the state.", answer: wait),
        CoreCall(
            method: "flow.kill", params: "`id`",
            doc: "Ends a live flow wherever it stands; `conflict` if it is ending or has ended.",
            answer: { (params, worker) throws(CallFailure) in
                try onFlow(params, worker) { (flow) throws(CallFailure) in
                    try worker.mayChange(ChangeRules.kill)
                    guard flow.kill() else { throw .conflict(flow.isLive ? "the flow is ending" : "the flow has ended") }
                    return [:]
                }
            }),
    ]

    private static let list: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let filter = try filter(params["filter"])
        let selections = try selections(params["fields"])
        let isLive: Bool? = try optional(params, "live")
        let after = try (optional(params, "after") as String?).map { text throws(CallFailure) in try Place(text) }
        let flows = worker.host.flows
        guard let link = worker.life?.link else { throw .conflict("the connection has ended") }
        @Sendable func listed(_ states: [AnyFlow?]) -> JSON {
            let admitted = states.compactMap { $0 }.filter { worker.grants.admits($0, filter) }
                .map { (place: Place($0), flow: $0) }.filter { entry in after.map { $0 < entry.place } ?? true }
                .sorted { $0.place < $1.place }
            // What the answer has besides the flows, the worker's own id included.
            var room = worker.lineLimit - 1024
            var result: [JSON] = []
            for (_, flow) in admitted {
                let bytes = worker.grants.encoded(flow, .none, selections[flow.kind])
                room -= bytes.count + 1
                guard room >= 0 || result.isEmpty else { break }
                result.append(parsed(bytes))
            }
            var answer: JSONObject = ["flows": .array(result), "evicted": .int(flows.evicted)]
            if result.count < admitted.count { answer["next"] = .string(admitted[result.count - 1].place.text) }
            return .object(answer)
        }
        return link.inTurn {
            let states = flows.all.map { flow in
                flow.loop.submit { flow.isLive == isLive ?? flow.isLive ? flow.anyFlow : nil }
            }
            return EventLoopFuture.whenAllSucceed(states, on: worker.loop).map { states in
                link.reading.charge { listed(states) }
            }
        }
    }

    /// Where a flow stands in lists: by its time, and by its id among those of the same time.
    private struct Place: Comparable {
        let time: Double
        let id: String

        init(_ flow: AnyFlow) { (time, id) = (flow.record.timestampCreated, flow.id) }

        init(_ text: String) throws(CallFailure) {
            let parts = text.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let time = Double(parts[0]) else { throw .missing("after: expected the `next` of an answer") }
            (self.time, id) = (time, String(parts[1]))
        }

        var text: String { "\(time) \(id)" }

        static func < (left: Place, right: Place) -> Bool { (left.time, left.id) < (right.time, right.id) }
    }

    private static let get: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let mode: ContentMode
        do throws(StateRefusal) {
            mode = try ContentMode(of: params, at: "")
        } catch {
            throw .parameters(error)
        }
        return try onFlow(params, worker) { flow in
            var result = standing(flow, for: worker)
            if case .http(let http) = flow.anyFlow, let socket = http.value.websocket {
                result["messages_before"] = .int(mode == .none ? socket.value.kept.count : socket.value.kept.first)
            }
            result["flow"] = parsed(worker.grants.encoded(flow.anyFlow, mode, nil))
            return .object(result)
        }
    }

    private static let wait: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let flow = try named(params, worker)
        return flow.loop.flatSubmit {
            worker.grants.admits(flow.anyFlow)
                ? flow.whenResumed() : flow.loop.makeFailedFuture(CallFailure.noFlow(flow.anyFlow.id))
        }.flatMap {
            // It may have ended meanwhile, and another stands for it then.
            let present = worker.host.flows.find(flow.anyFlow.id) ?? flow
            return present.loop.submit { .object(standing(present, for: worker)) }
        }
    }

    /// What is true of a flow besides its state.
    private static func standing(_ flow: any TrackedFlow, for worker: Worker) -> JSONObject {
        let record = flow.anyFlow.record
        // Whether a value is what it was before tells who must not see it when he has guessed it.
        let isModified = worker.grants.redaction == nil ? record.isModified : record.hasBackup
        return ["live": .bool(flow.isLive), "killable": .bool(flow.isKillable), "modified": .bool(isModified)]
    }

    /// The flow that `params` names.
    static func named(_ params: JSON, _ worker: Worker) throws(CallFailure) -> any TrackedFlow {
        let id: String = try required(params, "id", "a flow's id, a string")
        guard let flow = worker.host.flows.find(id) else { throw .noFlow(id) }
        return flow
    }

    /// Runs `body` with the flow that `params` names, on that flow's loop.
    static func onFlow(
        _ params: JSON, _ worker: Worker, _ body: @escaping @Sendable (any TrackedFlow) throws(CallFailure) -> JSON
    ) throws(CallFailure) -> EventLoopFuture<JSON> {
        let flow = try named(params, worker)
        return flow.loop.submit {
            let id = flow.anyFlow.id
            guard worker.grants.admits(flow.anyFlow) else { throw CallFailure.noFlow(id) }
            return try body(flow)
        }
    }

    static func required<Value: WireValue>(_ params: JSON, _ name: String, _ what: String) throws(CallFailure) -> Value {
        guard let json = params[name], let value = try? Value.read(json, at: name) else {
            throw .missing("\(name): expected \(what), found \(params[name]?.kind ?? "nothing")")
        }
        return value
    }

    private static func optional<Value: WireValue>(_ params: JSON, _ name: String) throws(CallFailure) -> Value? {
        guard let json = params[name], json != .null else { return nil }
        do throws(StateRefusal) { return try Value.read(json, at: name) } catch { throw .parameters(error) }
    }

    private static func filter(_ json: JSON?) throws(CallFailure) -> Filter? {
        guard let json, json != .null else { return nil }
        guard let text = json.string else { throw .missing("filter: expected a string, found \(json.kind)") }
        do {
            return try Filter(text)
        } catch {
            throw .missing("filter: \(error)")
        }
    }

    /// What is shown of flows of each type; of one that is not here, all. A path must be one of some type: the others lack it.
    private static func selections(_ json: JSON?) throws(CallFailure) -> [FlowKind: Selection] {
        guard let json, json != .null else { return [:] }
        do throws(StateRefusal) {
            var selections: [FlowKind: Selection] = [:]
            for kind in FlowKind.allCases { selections[kind] = Selection() }
            for path in try [String].read(json, at: "fields") + ["id"] {
                var refusal: StateRefusal?
                var isKnown = false
                for kind in FlowKind.allCases {
                    do throws(StateRefusal) {
                        try selections[kind]?.add(path, of: kind.record)
                        isKnown = true
                    } catch {
                        refusal = refusal ?? error
                    }
                }
                if let refusal, !isKnown { throw refusal }
            }
            return selections
        } catch {
            throw .parameters(error)
        }
    }

    /// What the writer writes, the reader reads: it is the one form that workers know.
    private static func parsed(_ bytes: [UInt8]) -> JSON { (try? JSONReader().read(bytes)) ?? .null }
}
