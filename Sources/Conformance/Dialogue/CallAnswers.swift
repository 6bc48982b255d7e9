import FlowModel
import Schema

/// What stands for the core where a worker calls it: every call that there is gets an answer of its form or a refusal of the
/// specification.
struct CallAnswers: Sendable {
    enum Answer: Sendable {
        case result(JSON)
        case refusal(code: Int, kind: String, message: String)

        func envelope(_ id: JSON) -> JSONObject {
            switch self {
            case .result(let result): ["jsonrpc": "2.0", "id": id, "result": result]
            case .refusal(let code, let kind, let message):
                [
                    "jsonrpc": "2.0", "id": id,
                    "error": ["code": .int(code), "message": .string(message), "data": ["kind": .string(kind)]],
                ]
            }
        }
    }

    /// Every call that the core knows.
    let methods: Set<String>
    /// Every option's value by its name.
    var options: JSONObject
    /// Flows that were shown, by id.
    var flows: [String: JSON] = [:]
    /// Bodies that are held for events, by number.
    var bodies: [Int: [UInt8]] = [:]
    /// The longest line that the worker reads.
    var longestLine = 60_000
    /// Calls that came, for those who look.
    private(set) var made: [String] = []

    init(methods: [String], options: JSONObject) {
        self.methods = Set(methods)
        self.options = options
    }

    mutating func answer(_ method: String, _ params: JSON) -> Answer {
        made.append(method)
        guard methods.contains(method) else {
            return .refusal(code: -32601, kind: "method_not_found", message: "the core has no method '\(method)'")
        }
        switch method {
        case "options.get":
            let names = params["names"]?.array?.compactMap(\.string)
            let members = options.members.filter { names?.contains($0.key) ?? true }
            return .result(["options": .object(JSONObject(unique: members))])
        case "options.set":
            for member in params["options"]?.object?.members ?? [] { options[member.key] = member.value }
            return .result([:])
        case "metrics.add": return .result(["dropped": 0])
        case "metrics.get": return .result(["metrics": [], "dropped": 0])
        case "flow.list":
            let fields = params["fields"]?.array?.compactMap(\.string)
            // An answer has to fit the worker's line.
            return .result(["flows": .array(flows.values.prefix(8).map { Self.part($0, fields ?? ["id"]) })])
        case "body.read": return read(params)
        case "flow.get":
            guard let flow = params["id"]?.string.flatMap({ flows[$0] }) else { return noFlow }
            return .result(["flow": flow, "live": true, "killable": true, "modified": false])
        case "flow.set", "flow.mark", "flow.comment", "flow.backup", "flow.kill", "inject.websocket", "inject.tcp":
            return params["id"]?.string.flatMap { flows[$0] } == nil ? noFlow : .result([:])
        case "flow.duplicate":
            return params["id"]?.string.flatMap { flows[$0] } == nil ? noFlow : .result(["id": .string(Identifier.uuid4())])
        case "command.call":
            return .refusal(code: -32015, kind: "no_command", message: "no addon offers this command")
        default: return .refusal(code: -32013, kind: "conflict", message: "there is no proxy behind this core")
        }
    }

    private var noFlow: Answer { .refusal(code: -32012, kind: "no_flow", message: "there is no such flow") }

    /// A flow's members of these paths, and its id.
    private static func part(_ flow: JSON, _ fields: [String]) -> JSON {
        guard let record = flow["type"]?.string.flatMap({ FlowKind(rawValue: $0) })?.record else { return flow }
        var selection = Selection()
        for field in ["id"] + fields { try? selection.add(field, of: record) }
        return selection.select(flow, of: record)
    }

    private func read(_ params: JSON) -> Answer {
        guard let body = params["ref"]?.int.flatMap({ bodies[$0] }) else { return noFlow }
        let offset = params["offset"]?.int ?? 0
        // In base64 four octets stand for three.
        let room = max(1, (longestLine - 1024) / 4 * 3)
        let length = min(params["length"]?.int ?? body.count, room)
        guard offset >= 0, length >= 0 else {
            return .refusal(code: -32602, kind: "invalid_params", message: "offset and length are 0 or more")
        }
        let data = ByteString(body.dropFirst(min(offset, body.count)).prefix(length))
        return .result(["data": data.wireJSON, "size": .int(body.count)])
    }
}
