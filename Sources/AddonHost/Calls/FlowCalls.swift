import AddonWire
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The calls about flows that have not ended. Each works on the flow's state as it is now, on the flow's own loop.
enum FlowCalls {
    static let table: [CoreCall] = [
        CoreCall(
            method: "flow.list",
            params: "`filter`: an expression; all flows without it. `fields`: as in a hook, without `flow.` before them",
            doc: "The live flows, oldest first: `{\"flows\": [state, …]}`. Bodies are left out.",
            answer: list),
        CoreCall(
            method: "flow.get", params: "`id`; `content`: `none`, `whole` or `decoded`, as in a hook",
            doc: "The state of a live flow: `{\"flow\": state}`.",
            answer: get),
        CoreCall(
            method: "flow.set", params: "`id`; `flow`: what is to change, as in a reply",
            doc: "Changes a live flow, whole or not at all. What was sent already stays sent.",
            answer: set),
        CoreCall(
            method: "flow.resume", params: "`id`", doc: "Lets an intercepted flow go on; `conflict` if it does not stand still.",
            answer: { (params, flows, loop) throws(CallFailure) in
                try onFlow(params, flows) { (flow) throws(CallFailure) in
                    guard flow.resume() else { throw .conflict("the flow is not intercepted") }
                    return [:]
                }
            }),
        CoreCall(
            method: "flow.kill", params: "`id`", doc: "Ends a live flow wherever it stands; `conflict` if it is ending already.",
            answer: { (params, flows, loop) throws(CallFailure) in
                try onFlow(params, flows) { (flow) throws(CallFailure) in
                    guard flow.kill() else { throw .conflict("the flow is ending") }
                    return [:]
                }
            }),
    ]

    private static let list: @Sendable (JSON, FlowRegistry, any EventLoop) throws(CallFailure) -> EventLoopFuture<JSON> = {
        (params, flows, loop) throws(CallFailure) in
        let filter = try filter(params["filter"])
        let selection = try selection(params["fields"])
        let states = flows.all.map { flow in flow.loop.submit { flow.flow } }
        return EventLoopFuture.whenAllSucceed(states, on: loop).map { states in
            let admitted = states.filter { filter?.matches(FilteredFlow($0)) ?? true }.sorted {
                $0.timestampCreated < $1.timestampCreated
            }
            return ["flows": .array(admitted.map { json($0, .none, selection) })]
        }
    }

    private static let get: @Sendable (JSON, FlowRegistry, any EventLoop) throws(CallFailure) -> EventLoopFuture<JSON> = {
        (params, flows, loop) throws(CallFailure) in
        let mode: HookRequest.ContentMode
        do throws(StateRefusal) {
            mode = try params.object?.word("content", HookRequest.ContentMode.self, at: "") ?? .none
        } catch {
            throw .parameters(error)
        }
        return try onFlow(params, flows) { flow in ["flow": json(flow.flow, mode, nil)] }
    }

    private static let set: @Sendable (JSON, FlowRegistry, any EventLoop) throws(CallFailure) -> EventLoopFuture<JSON> = {
        (params, flows, loop) throws(CallFailure) in
        guard let state = params["flow"] else { throw .missing("flow: missing") }
        return try onFlow(params, flows) { (flow) throws(CallFailure) in
            do throws(StateRefusal) {
                flow.apply(try HTTPFlow.changes(from: flow.flow, to: state, at: "flow", access: .writable))
                return [:]
            } catch {
                throw .parameters(error)
            }
        }
    }

    /// Runs `body` with the flow that `params` names, on that flow's loop.
    private static func onFlow(
        _ params: JSON, _ flows: FlowRegistry, _ body: @escaping @Sendable (any LiveFlow) throws(CallFailure) -> JSON
    ) throws(CallFailure) -> EventLoopFuture<JSON> {
        guard let id = params["id"]?.string else { throw .missing("id: expected a flow's id, a string") }
        guard let flow = flows.find(id) else { throw .noFlow(id) }
        return flow.loop.submit { try body(flow) }
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

    private static func selection(_ json: JSON?) throws(CallFailure) -> Selection? {
        guard let json, json != .null else { return nil }
        do throws(StateRefusal) {
            var selection = Selection()
            for path in try [String].read(json, at: "fields") + ["id"] { try selection.add(path, of: HTTPFlow.recordShape) }
            return selection
        } catch {
            throw .parameters(error)
        }
    }

    private static func json(_ flow: HTTPFlow, _ mode: HookRequest.ContentMode, _ selection: Selection?) -> JSON {
        var writer = JSONWriter()
        ContentView.shown(flow, mode) { _ in }.write(selection, to: &writer)
        // What the writer writes, the reader reads: it is the one form that workers know.
        return (try? JSONReader().read(writer.bytes)) ?? .null
    }
}
