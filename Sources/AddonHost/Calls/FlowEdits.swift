import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The calls that change flows, live or ended: whole or not at all, the state before the first change being remembered for `flow.revert`.
enum FlowEdits {
    /// Requests that wait to be sent again; each keeps its flow in memory.
    private static let maximumReplays = 1000

    static let table: [CoreCall] = [
        CoreCall(
            method: "flow.set",
            params: "`id`; `flow`: what is to change, as in a reply, or `state`: the whole state as `flow.get` shows it",
            doc:
                "Changes a flow. What was sent already stays sent. A whole state must have every member and no other, and read-only ones as they are; messages that it leaves out are gone.",
            answer: set),
        CoreCall(
            method: "flow.mark",
            params: "`id`; `marker`: one character, an emoji's name such as `:red_circle:`, or empty; `:default:` without it",
            doc: "Marks a flow, or takes the mark away.",
            answer: { (params, worker) throws(CallFailure) in
                let marker = try params["marker"].map { _ throws(CallFailure) in
                    try FlowCalls.required(params, "marker", "a string") as String
                }
                return try patch(params, worker, ["marked": .string(marker ?? Marker.standard)])
            }),
        CoreCall(
            method: "flow.comment", params: "`id`; `comment`: a text", doc: "Sets a flow's comment.",
            answer: { (params, worker) throws(CallFailure) in
                try patch(params, worker, ["comment": .string(try FlowCalls.required(params, "comment", "a string"))])
            }),
        CoreCall(
            method: "flow.backup", params: "`id`", doc: "Remembers the state as it is, unless one is remembered already.",
            answer: { (params, worker) throws(CallFailure) in
                try FlowCalls.onFlow(params, worker) { flow in
                    flow.edit { $0.record.keepBackup() }
                    return [:]
                }
            }),
        CoreCall(
            method: "flow.revert", params: "`id`",
            doc:
                "Goes back to the state that was remembered, and forgets it; `conflict` if there is none. A live flow keeps its connections and a response that came since.",
            answer: { (params, worker) throws(CallFailure) in
                try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
                    try worker.mayChange("flow")
                    guard flow.anyFlow.record.hasBackup else { throw .conflict("no earlier state of the flow is remembered") }
                    flow.edit { $0.record.revert(isLive: flow.isLive) }
                    return [:]
                }
            }),
        CoreCall(
            method: "flow.duplicate", params: "`id`",
            doc: "Puts a copy of the flow's present state into the store, with an id of its own: `{\"id\": …}`.",
            answer: { (params, worker) throws(CallFailure) in
                try FlowCalls.onFlow(params, worker) { flow in
                    let copy = flow.anyFlow.record.copy().any
                    worker.host.flows.finish(copy, on: flow.loop)
                    return ["id": .string(copy.id)]
                }
            }),
        CoreCall(
            method: "flow.replay", params: "`id`",
            doc:
                "Sends the request of an ended flow once more, in that flow's place, as soon as it is its turn (`client_replay_concurrency`); what was there is its backup. `conflict` if the flow lives, has no request or one that cannot be sent again.",
            answer: { (params, worker) throws(CallFailure) in
                try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
                    guard !flow.isLive else { throw .conflict("the flow has not ended") }
                    guard let replays = worker.host.replays else { throw .conflict("nothing is replayed here") }
                    guard replays.waiting < maximumReplays else {
                        throw CallFailure(
                            code: -32010, kind: "overloaded", message: "\(maximumReplays) requests wait to be sent again")
                    }
                    do throws(ReplayRefusal) {
                        guard case .http(let flow) = flow.anyFlow else {
                            throw ReplayRefusal("only requests of HTTP are replayed")
                        }
                        try replays.replay(flow.value)
                    } catch {
                        throw .conflict(error.description)
                    }
                    return [:]
                }
            }),
    ]

    private static let set: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        switch (params["flow"], params["state"]) {
        case (let flow?, nil): return try patch(params, worker, flow)
        case (nil, let state?): return try edit(params, worker, state, isWhole: true)
        default: throw .missing("expected either flow or state")
        }
    }

    private static func patch(_ params: JSON, _ worker: Worker, _ state: JSON) throws(CallFailure) -> EventLoopFuture<JSON> {
        try edit(params, worker, state, isWhole: false)
    }

    private static func edit(
        _ params: JSON, _ worker: Worker, _ state: JSON, isWhole: Bool
    ) throws(CallFailure) -> EventLoopFuture<JSON> {
        try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
            var edited = flow.anyFlow
            do throws(StateRefusal) {
                let state = try worker.grants.restored(state, of: flow.anyFlow, isWhole: isWhole)
                // As if something had changed, for the same reason as in `standing`.
                if worker.grants.redaction != nil { edited.record.keepBackup() }
                let paths = try edited.record.edit(state, isWhole: isWhole)
                try worker.grants.check(paths, from: flow.anyFlow, to: edited)
                if flow.isLive { try StreamedBodies.check(flow.anyFlow, edited) }
            } catch {
                if error.word == .denied { worker.violated(at: error) }
                throw .parameters(error)
            }
            flow.edit { $0 = edited }
            return [:]
        }
    }
}
