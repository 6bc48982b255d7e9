import NIOCore
import ProxyKernel
import Schema

/// The calls that read options and change them.
enum OptionCalls {
    static let set = CoreCall(
        method: "options.set", params: "`options`: values by name",
        doc:
            "Changes options, all or none; they hold when the answer comes. `read_only` for an option that is read at start only, `vetoed` if a worker refuses in `configure`, `conflict` while another change is being decided and while the worker that asks has not answered `configure`.",
        answer: change)

    static let table: [CoreCall] = [
        CoreCall(
            method: "options.get", params: "`names`: a list of names; all options without it",
            doc: "The values that hold, by name: `{\"options\": {name: value, …}}`.", answer: get),
        set,
    ]

    private static let get: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let view = OptionView(of: worker.grants, worker.host.options)
        let values = view.shown(worker.host.options.json)
        guard let names = params["names"], names != .null else {
            return worker.loop.makeSucceededFuture(["options": .object(values)])
        }
        let wanted: [String] = try FlowCalls.required(params, "names", "a list of names")
        try refuseSecrets(view, wanted, worker)
        var result = JSONObject()
        for name in wanted {
            guard let value = values[name] else { throw .option(.unknown(name)) }
            result[name] = value
        }
        return worker.loop.makeSucceededFuture(["options": .object(result)])
    }

    private static let change: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        guard let values = params["options"]?.object else {
            throw .missing("options: expected an object, found \(params["options"]?.kind ?? "nothing")")
        }
        try refuseSecrets(OptionView(of: worker.grants, worker.host.options), values.members.map(\.key), worker)
        guard worker.life?.openConfigures == 0 else {
            throw .conflict("the worker is to answer 'configure' before it changes options")
        }
        return try worker.host.reconfiguration.change(values, by: worker, of: worker.host).map { [:] }
    }
}

extension OptionCalls {
    private static func refuseSecrets(_ view: OptionView, _ names: [String], _ worker: Worker) throws(CallFailure) {
        guard let name = view.hidden(among: names) else { return }
        let refusal = StateRefusal(.denied, at: "options.\(name)", "it is for trusted addons alone")
        worker.violated(at: refusal)
        throw .parameters(refusal)
    }
}

extension CallFailure {
    static func option(_ refusal: OptionRefusal) -> CallFailure {
        switch refusal {
        case .unknown(let name):
            CallFailure(
                code: -32602, kind: "invalid_params", message: "options.\(name): there is no option '\(name)'",
                path: "options.\(name)")
        case .fixed(let name):
            CallFailure(
                code: -32004, kind: "read_only", message: "options.\(name): option \(name) is read at start",
                path: "options.\(name)")
        case .value(let name, let reason):
            CallFailure(code: -32003, kind: "bad_state", message: "options.\(name): \(reason)", path: "options.\(name)")
        }
    }

    static func vetoed(_ reason: String) -> CallFailure { CallFailure(code: -32014, kind: "vetoed", message: reason) }
}
