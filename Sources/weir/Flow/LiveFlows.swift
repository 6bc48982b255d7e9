import Control
import CoreClient
import FlowModel
import Glibc
import Schema

/// The flows of a running core, over its addon socket.
struct LiveFlows: FlowPlace {
    private let client: CoreClient

    /// Connects. `methods` are the calls that will be made besides those that list and read.
    init(socket path: String, methods: [String] = []) throws(FlowFailure) {
        do throws(CoreClientFailure) {
            client = try CoreClient(
                socket: path, name: "weir flow", version: Program.version, methods: ["flow.list", "flow.get"] + methods)
        } catch {
            throw FlowFailure("\(error)")
        }
    }

    func each(_ pick: FlowPick, content: Bool, _ body: (AnyFlow) throws(FlowFailure) -> Void) throws(FlowFailure) {
        if case .id(let prefix) = pick {
            let id = try self.id(prefix)
            return try body(try flow(try call("flow.get", ["id": .string(id), "content": content ? "whole" : "none"])["flow"]))
        }
        var params: JSONObject = [:]
        if case .filter(let filter) = pick { params["filter"] = .string(filter.source) }
        if content { params["fields"] = ["id"] }
        let states = try call("flow.list", .object(params))["flows"]?.array ?? []
        for state in states {
            guard content else {
                try body(try flow(state))
                continue
            }
            guard let state = try whole(state["id"]?.string ?? "") else { continue }
            try body(try flow(state))
        }
        if case .all = pick { return }
        guard !states.isEmpty else { throw .none(pick) }
    }

    /// The id of the one flow whose id begins so.
    func id(_ prefix: String) throws(FlowFailure) -> String {
        let states = try call("flow.list", ["fields": ["id"]])["flows"]?.array ?? []
        let ids = states.compactMap { $0["id"]?.string }.filter { $0.hasPrefix(prefix) }
        if ids.contains(prefix) { return prefix }
        guard let id = ids.first else { throw .none(.id(prefix)) }
        guard ids.count == 1 else { throw .ambiguous(prefix, ids) }
        return id
    }

    func call(_ method: String, _ params: JSON) throws(FlowFailure) -> JSON {
        do throws(CoreClientFailure) { return try client.call(method, params) } catch { throw FlowFailure("\(error)") }
    }

    /// The state with its bodies; nil if the flow is gone since it was listed, which is said.
    private func whole(_ id: String) throws(FlowFailure) -> JSON? {
        do throws(CoreClientFailure) {
            return try client.call("flow.get", ["id": .string(id), "content": "whole"])["flow"]
        } catch .refused(CoreClient.noFlow, _) {
            Terminal.write("weir: flow '\(id)' went away meanwhile\n", to: STDERR_FILENO)
            return nil
        } catch {
            throw FlowFailure("\(error)")
        }
    }

    private func flow(_ state: JSON?) throws(FlowFailure) -> AnyFlow {
        do throws(StateRefusal) {
            return try AnyFlow.restored(from: state ?? .null, at: "flow")
        } catch {
            throw FlowFailure("the core's state of a flow cannot be read: \(error)")
        }
    }
}
