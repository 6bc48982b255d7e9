import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The calls that change flows, live or ended: whole or not at all, the state before the first change being remembered for `flow.revert`.
enum FlowEdits {
    static let table: [CoreCall] = [
        CoreCall(
            method: "flow.set",
            params: "`id`; `flow`: what is to change, as in a reply, or `state`: the whole state as `flow.get` shows it",
            doc:
                "Changes a flow. What was sent already stays sent. A whole state must have every member and no other, and read-only ones as they are.",
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
                    flow.edit { $0.keepBackup() }
                    return [:]
                }
            }),
        CoreCall(
            method: "flow.revert", params: "`id`",
            doc:
                "Goes back to the state that was remembered, and forgets it; `conflict` if there is none. A live flow keeps its connections and a response that came since.",
            answer: { (params, worker) throws(CallFailure) in
                try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
                    guard flow.flow.backup != nil else { throw .conflict("no earlier state of the flow is remembered") }
                    flow.edit { $0.revert(isLive: flow.isLive) }
                    return [:]
                }
            }),
        CoreCall(
            method: "flow.duplicate", params: "`id`",
            doc: "Puts a copy of the flow's present state into the store, with an id of its own: `{\"id\": …}`.",
            answer: { (params, worker) throws(CallFailure) in
                try FlowCalls.onFlow(params, worker) { flow in
                    let copy = flow.flow.copy()
                    worker.host.flows.finish(copy, on: flow.loop)
                    return ["id": .string(copy.id)]
                }
            }),
        CoreCall(
            method: "flow.replay", params: "`id`",
            doc:
                "Sends the request of an ended flow once more, in that flow's place, as soon as it is its turn (`client_replay_concurrency`); what was there is its backup. `conflict` if the flow lives or its request cannot be sent again.",
            answer: { (params, worker) throws(CallFailure) in
                try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
                    guard !flow.isLive else { throw .conflict("the flow has not ended") }
                    guard let replays = worker.host.replays else { throw .conflict("nothing is replayed here") }
                    do throws(ReplayRefusal) {
                        try replays.replay(flow.flow)
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
        case (nil, let state?):
            return try edit(params, worker) { (old) throws(StateRefusal) in
                try HTTPFlow.changes(from: old, toWhole: state, at: "state")
            }
        default: throw .missing("expected either flow or state")
        }
    }

    private static func patch(_ params: JSON, _ worker: Worker, _ state: JSON) throws(CallFailure) -> EventLoopFuture<JSON> {
        try edit(params, worker) { (old) throws(StateRefusal) in
            try HTTPFlow.changes(from: old, to: state, at: "flow", access: .writable)
        }
    }

    private static func edit(
        _ params: JSON, _ worker: Worker,
        _ changes: @escaping @Sendable (HTTPFlow) throws(StateRefusal) -> [Change<HTTPFlow>]
    ) throws(CallFailure) -> EventLoopFuture<JSON> {
        try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
            do throws(StateRefusal) {
                let changes = try changes(flow.flow)
                // Holding a flow is nothing to be taken back.
                let isEdit = changes.contains { !$0.path.hasSuffix(".intercepted") }
                flow.edit { state in
                    if isEdit { state.keepBackup() }
                    for change in changes { change.apply(&state) }
                }
                return [:]
            } catch {
                throw .parameters(error)
            }
        }
    }
}
