import FlowModel
import ProxyKernel
import Schema

/// Takes secrets out of the lines of one connection, on their way into a transcript. What stands for a value in an event stands for it in
/// the answer too.
struct TraceRedaction {
    /// Requests that are open and remembered, at most.
    private static let maximumOpen = 4096

    private let redaction: Redaction?
    private let secretOptions: Set<String>
    /// What was hidden in requests that are not answered, by side and id.
    private var open: [String: (flow: String?, hidden: Placeholders)] = [:]

    private static let stand: JSON = "weir-hidden"

    init(_ rules: HiddenRules, secretOptions: Set<String>) {
        redaction = Redaction(rules)
        self.secretOptions = secretOptions
    }

    mutating func hide(_ message: JSON, of side: Transcript.Step.Side) -> JSON {
        guard var object = message.object else { return message }
        if let method = object["method"]?.string {
            let (params, flow, hidden) = hide(members: object["params"] ?? [:], flow: nil)
            object["params"] = method.hasPrefix(StreamNotice.prefix) ? hide(notice: params, hidden) : params
            if let id = object["id"], open.count < Self.maximumOpen { open[key(id, side)] = (flow, hidden) }
            return .object(object)
        }
        // An answer belongs to a request of the other side.
        let request = open.removeValue(forKey: key(object["id"] ?? .null, side == .core ? .worker : .core))
        for name in ["result", "error"] {
            guard let value = object[name], value.object != nil else { continue }
            object[name] = copies(in: hide(members: value, flow: request?.flow).json, request?.hidden)
        }
        return .object(object)
    }

    private func key(_ id: JSON, _ side: Transcript.Step.Side) -> String {
        side.rawValue + String(decoding: id.encoded, as: UTF8.self)
    }

    /// Params, or a result: with a flow, with flows, with options, with a piece of a body.
    private func hide(members json: JSON, flow known: String?) -> (json: JSON, flow: String?, hidden: Placeholders) {
        let flow = json["flow"]?["id"]?.string ?? known
        var hidden = Placeholders(of: flow ?? "")
        guard var object = json.object else { return (json, flow, hidden) }
        if var options = object["options"]?.object {
            for member in options.members where secretOptions.contains(member.key) { options[member.key] = Self.stand }
            object["options"] = .object(options)
        }
        guard let redaction else { return (.object(object), flow, hidden) }
        if let flows = object["flows"]?.array {
            object["flows"] = .array(flows.map { redaction.hide(flow: $0, isDecoded: false).shown })
        }
        if redaction.rules.concernBodies, object["data"] != nil { object["data"] = Self.stand }
        guard object["flow"]?.object != nil else {
            for name in ["password", "data_client"] where object[name] != nil { object[name] = Self.stand }
            return (.object(object), flow, hidden)
        }
        let isWithoutID = object["flow"]?["id"] == nil
        if isWithoutID, let flow, var state = object["flow"]?.object {
            state["id"] = .string(flow)
            object["flow"] = .object(state)
        }
        if redaction.rules.concernBodies { object["flow"] = object["flow"].map(Self.withoutPreviews) }
        let (shown, found) = redaction.hide(event: .object(object), isDecoded: false)
        hidden = found
        guard isWithoutID, var whole = shown.object, var state = whole["flow"]?.object else { return (shown, flow, hidden) }
        state["id"] = nil
        whole["flow"] = .object(state)
        return (.object(whole), flow, hidden)
    }

    /// The beginnings of bodies stand where whole ones are not looked for.
    private static func withoutPreviews(_ flow: JSON) -> JSON {
        guard var object = flow.object else { return flow }
        for side in MessageSide.allCases {
            guard var message = object[side.rawValue]?.object, var content = message["content"]?.object, content["preview"] != nil
            else { continue }
            content["preview"] = stand
            message["content"] = .object(content)
            object[side.rawValue] = .object(message)
        }
        return .object(object)
    }

    /// What belongs to a stream: pieces of a body, and its trailers.
    private func hide(notice params: JSON, _ hidden: Placeholders) -> JSON {
        guard let redaction, var object = params.object, let trailers = object["trailers"] else { return params }
        let headers = (try? Headers?.restored(from: trailers, at: "")) ?? nil
        object["trailers"] = redaction.hide(trailers: headers, of: .response, name: "trace").shown
        return .object(object)
    }

    /// The texts beside the flow without what was hidden in it.
    private func copies(in json: JSON, _ hidden: Placeholders?) -> JSON {
        guard var hidden, !hidden.isEmpty, let object = json.object else { return json }
        return .object(
            object.mapping { member in
                guard member.key != "flow" else { return member.value }
                return member.value.replacingTexts {
                    String(decoding: hidden.hidingCopies(in: Array($0.utf8), at: .text(member.key)), as: UTF8.self)
                }
            })
    }
}

extension JSON {
    fileprivate func replacingTexts(_ body: (String) -> String) -> JSON {
        switch self {
        case .null, .bool, .int, .double: self
        case .string(let text): .string(body(text))
        case .array, .pairs: .array((array ?? []).map { $0.replacingTexts(body) })
        case .object(let object):
            .object(JSONObject(unique: object.members.map { .init(key: $0.key, value: $0.value.replacingTexts(body)) }))
        }
    }
}
