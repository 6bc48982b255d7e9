import FlowModel
import ProxyKernel
import Schema

/// What is done with each value on a walk through the JSON of an event, of an answer to it, or of a flow's state.
protocol StateVisitor {
    /// A byte string at a place of its own; `message` is the state of the HTTP message that it is part of, if it is.
    mutating func visit(_ bytes: [UInt8], at place: HiddenPlace, path: String, in message: JSON) throws(StateRefusal) -> [UInt8]
    /// All that stands in no such place.
    mutating func visit(rest json: JSON, path: String) throws(StateRefusal) -> JSON
    /// Whether the state before the first change is walked through, or left out.
    var takesBackup: Bool { get }
}

/// Knows where in the JSON of events the places are at which something may be hidden, both for hiding it and for putting it back.
///
/// What has another shape than the core's tables give it goes on as it is: whoever reads it refuses it.
struct StateWalk<Visitor: StateVisitor> {
    var visitor: Visitor

    init(_ visitor: Visitor) { self.visitor = visitor }

    /// Members of an event, or of an answer.
    mutating func event(_ json: JSON) throws(StateRefusal) -> JSON {
        guard let object = json.object else { return json }
        let flow = try object["flow"].map { (flow) throws(StateRefusal) in try self.flow(flow, "flow") }
        return .object(
            try object.mapping { (member) throws(StateRefusal) in
                switch member.key {
                case "flow": flow
                case "data_client", "password": try bytes(member.value, at: .text(member.key), member.key, .null)
                default: try visitor.visit(rest: member.value, path: member.key)
                }
            })
    }

    /// The state of a flow of any type, or a part of one.
    mutating func flow(_ json: JSON, _ path: String) throws(StateRefusal) -> JSON {
        guard let object = json.object else { return json }
        var parts: [String: JSON] = [:]
        for side in MessageSide.allCases {
            guard let message = object[side.rawValue] else { continue }
            parts[side.rawValue] = try self.message(message, side, "\(path).\(side.rawValue)")
        }
        if let list = object["messages"] { parts["messages"] = try messages(list, content: 1, "\(path).messages") }
        if let socket = object["websocket"]?.object {
            parts["websocket"] = .object(
                try socket.mapping { (member) throws(StateRefusal) in
                    let place = "\(path).websocket.\(member.key)"
                    return member.key == "messages"
                        ? try messages(member.value, content: 2, place) : try visitor.visit(rest: member.value, path: place)
                })
        }
        let backup = FlowFormat.backupMember
        for member in object.members where parts[member.key] == nil && member.key != backup {
            parts[member.key] = try visitor.visit(rest: member.value, path: "\(path).\(member.key)")
        }
        // Last, so that it shifts no number of the present state's.
        if let earlier = object[backup], visitor.takesBackup { parts[backup] = try flow(earlier, "\(path).\(backup)") }
        return .object(object.mapping { parts[$0.key] })
    }

    private mutating func message(_ json: JSON, _ side: MessageSide, _ path: String) throws(StateRefusal) -> JSON {
        guard let object = json.object else { return try visitor.visit(rest: json, path: path) }
        return .object(
            try object.mapping { (member) throws(StateRefusal) in
                let place = "\(path).\(member.key)"
                return switch member.key {
                case "headers", "trailers": try headers(member.value, side, place, json)
                case "path" where side == .request: try bytes(member.value, at: .target, place, json)
                case "content": try bytes(member.value, at: .content(side), place, json)
                case "questions", "answers", "authorities", "additionals": try records(member.value, side, place, json)
                default: try visitor.visit(rest: member.value, path: place)
                }
            })
    }

    /// A section, or what an answer says is to be done with its lines.
    private mutating func headers(
        _ json: JSON, _ side: MessageSide, _ path: String, _ message: JSON
    ) throws(StateRefusal) -> JSON {
        if let edits = json.object {
            return .object(
                try edits.mapping { (member) throws(StateRefusal) in
                    let place = "\(path).\(member.key)"
                    return ["set", "add"].contains(member.key)
                        ? try headers(member.value, side, place, message) : try visitor.visit(rest: member.value, path: place)
                })
        }
        guard var pairs = json.array else { return try visitor.visit(rest: json, path: path) }
        for (index, pair) in pairs.enumerated() {
            guard let parts = pair.array, parts.count == 2, let octets = try? ByteString.octets(parts[0], at: "") else {
                continue
            }
            let name = String(decoding: octets, as: UTF8.self).lowercased()
            pairs[index] = .array([
                try visitor.visit(rest: parts[0], path: "\(path)[\(index)][0]"),
                try bytes(parts[1], at: .header(side, name), "\(path)[\(index)][1]", message),
            ])
        }
        return .array(pairs)
    }

    private mutating func messages(_ json: JSON, content: Int, _ path: String) throws(StateRefusal) -> JSON {
        guard var list = json.array else { return try visitor.visit(rest: json, path: path) }
        for (index, message) in list.enumerated() {
            guard var parts = message.array, parts.count > content else { continue }
            parts[content] = try bytes(parts[content], at: .message, "\(path)[\(index)][\(content)]", message)
            list[index] = .array(parts)
        }
        return .array(list)
    }

    private mutating func records(
        _ json: JSON, _ side: MessageSide, _ path: String, _ message: JSON
    ) throws(StateRefusal) -> JSON {
        guard var list = json.array else { return try visitor.visit(rest: json, path: path) }
        for (index, record) in list.enumerated() {
            guard var object = record.object else { continue }
            for name in ["name", "data"] {
                guard let value = object[name] else { continue }
                object[name] = try bytes(value, at: .record(side), "\(path)[\(index)].\(name)", message)
            }
            list[index] = .object(object)
        }
        return .array(list)
    }

    /// A byte string; other forms of content, such as `{"omitted": 5}`, have nothing to be visited.
    private mutating func bytes(
        _ json: JSON, at place: HiddenPlace, _ path: String, _ message: JSON
    ) throws(StateRefusal) -> JSON {
        guard let octets = try? ByteString.octets(json, at: path) else { return json }
        let result = try visitor.visit(octets, at: place, path: path, in: message)
        return result == octets ? json : ByteString(result).wireJSON
    }
}
