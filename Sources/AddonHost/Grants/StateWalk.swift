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
        guard var object = json.object else { return json }
        if let flow = object["flow"] { object["flow"] = try self.flow(flow, "flow") }
        for member in object.members where member.key != "flow" {
            switch member.key {
            case "data_client", "password":
                object[member.key] = try bytes(member.value, at: .text(member.key), member.key, .null)
            default: object[member.key] = try visitor.visit(rest: member.value, path: member.key)
            }
        }
        return .object(object)
    }

    /// The state of a flow of any type, or a part of one.
    mutating func flow(_ json: JSON, _ path: String) throws(StateRefusal) -> JSON {
        guard var object = json.object else { return json }
        for side in MessageSide.allCases {
            guard let message = object[side.rawValue] else { continue }
            object[side.rawValue] = try self.message(message, side, "\(path).\(side.rawValue)")
        }
        if let list = object["messages"] { object["messages"] = try messages(list, content: 1, "\(path).messages") }
        if var socket = object["websocket"]?.object {
            if let list = socket["messages"] {
                socket["messages"] = try messages(list, content: 2, "\(path).websocket.messages")
            }
            for member in socket.members where member.key != "messages" {
                socket[member.key] = try visitor.visit(rest: member.value, path: "\(path).websocket.\(member.key)")
            }
            object["websocket"] = .object(socket)
        }
        for member in object.members {
            switch member.key {
            case "request", "response", "messages": break
            case "websocket" where member.value.object != nil: break
            // Last, so that it shifts no number of the present state's.
            case FlowFormat.backupMember: break
            default: object[member.key] = try visitor.visit(rest: member.value, path: "\(path).\(member.key)")
            }
        }
        let backup = FlowFormat.backupMember
        if let earlier = object[backup] { object[backup] = visitor.takesBackup ? try flow(earlier, "\(path).\(backup)") : nil }
        return .object(object)
    }

    private mutating func message(_ json: JSON, _ side: MessageSide, _ path: String) throws(StateRefusal) -> JSON {
        guard var object = json.object else { return try visitor.visit(rest: json, path: path) }
        for member in object.members {
            let place = "\(path).\(member.key)"
            switch member.key {
            case "headers", "trailers": object[member.key] = try headers(member.value, side, place, json)
            case "path" where side == .request: object[member.key] = try bytes(member.value, at: .target, place, json)
            case "content": object[member.key] = try bytes(member.value, at: .content(side), place, json)
            case "questions", "answers", "authorities", "additionals":
                object[member.key] = try records(member.value, side, place, json)
            default: object[member.key] = try visitor.visit(rest: member.value, path: place)
            }
        }
        return .object(object)
    }

    /// A section, or what an answer says is to be done with its lines.
    private mutating func headers(
        _ json: JSON, _ side: MessageSide, _ path: String, _ message: JSON
    ) throws(StateRefusal) -> JSON {
        if var edits = json.object {
            for member in edits.members {
                let place = "\(path).\(member.key)"
                edits[member.key] =
                    ["set", "add"].contains(member.key)
                    ? try headers(member.value, side, place, message) : try visitor.visit(rest: member.value, path: place)
            }
            return .object(edits)
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
