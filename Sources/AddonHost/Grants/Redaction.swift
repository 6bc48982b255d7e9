import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// Hides from one addon what its rules say, and puts it back where a placeholder stands in an answer.
///
/// It works on the JSON that the addon is sent, whose forms are few, instead of on each type of event. What comes of it depends on the
/// state alone: the same state has the same placeholders whenever it is hidden.
struct Redaction: Sendable {
    /// What is longer is hidden whole, in bytes: looking into it would hold up the loop.
    static let longestText = 1 << 20

    let rules: HiddenRules

    /// Nil if there is nothing to hide, so that nothing is done.
    init?(_ rules: HiddenRules) {
        guard !rules.isEmpty else { return nil }
        self.rules = rules
    }

    /// An event with what is hidden in it replaced. `isDecoded` says that contents are shown without their codings.
    func hide(event json: JSON, isDecoded: Bool) -> (shown: JSON, hidden: Placeholders) {
        var walk = StateWalk(Hiding(rules, json["flow"], isDecoded: isDecoded))
        // Hiding refuses nothing; should that ever change, nothing is shown.
        return ((try? walk.event(json)) ?? [:], walk.visitor.hidden)
    }

    /// The same of a flow's state.
    func hide(flow json: JSON, isDecoded: Bool) -> (shown: JSON, hidden: Placeholders) {
        var walk = StateWalk(Hiding(rules, json, isDecoded: isDecoded))
        return ((try? walk.flow(json, "flow")) ?? [:], walk.visitor.hidden)
    }

    /// An answer to an event with the true values. Refuses a placeholder where its value has no business.
    func restore(event json: JSON, _ hidden: @autoclosure () -> Placeholders) throws(StateRefusal) -> JSON {
        try restored(json, json["flow"], hidden) { (json, walk) throws(StateRefusal) in try walk.event(json) }
    }

    /// Changes of a flow with the true values.
    func restore(flow json: JSON, _ hidden: @autoclosure () -> Placeholders) throws(StateRefusal) -> JSON {
        try restored(json, json, hidden) { (json, walk) throws(StateRefusal) in try walk.flow(json, "flow") }
    }

    private func restored(
        _ json: JSON, _ flow: JSON?, _ hidden: () -> Placeholders,
        _ walk: (JSON, inout StateWalk<Restoring>) throws(StateRefusal) -> JSON
    ) throws(StateRefusal) -> JSON {
        let holds = json.mayHoldPlaceholder
        // Most answers say nothing of what is hidden.
        guard holds || flow?[FlowFormat.backupMember] != nil else { return json }
        var restoring = StateWalk(Restoring(hidden: holds ? hidden() : Placeholders(of: "")))
        return try walk(json, &restoring)
    }

    /// The trailers that a stream ends with, as a worker is shown them; `name` is the stream's.
    func hide(trailers: Headers?, of side: MessageSide, name: String) -> (shown: JSON, hidden: Placeholders) {
        var flow: JSONObject = ["id": .string(name)]
        flow[side.rawValue] = ["trailers": trailers.wireJSON]
        let (shown, hidden) = hide(flow: .object(flow), isDecoded: false)
        return (shown[side.rawValue]?["trailers"] ?? .null, hidden)
    }

    /// Those that a worker ends it with, with the true values.
    func restore(trailers: JSON, of side: MessageSide, _ hidden: Placeholders) throws(StateRefusal) -> JSON {
        var flow = JSONObject()
        flow[side.rawValue] = ["trailers": trailers]
        return try restore(flow: .object(flow), hidden)[side.rawValue]?["trailers"] ?? trailers
    }

    /// Contents that cannot be looked into where they are: they are left out.
    func isTooLarge(_ content: Content) -> Bool {
        guard rules.concernBodies, content.isHeld else { return false }
        return content.buffer == nil || content.size ?? .max > Self.longestText
    }

    /// The flow without them.
    func capped(_ flow: HTTPFlow) -> HTTPFlow {
        guard rules.concernBodies else { return flow }
        var flow = flow
        flow.mapContents { isTooLarge($0) ? .omitted($0.size) : $0 }
        return flow
    }
}

/// Puts placeholders in the place of what is to be hidden.
private struct Hiding: StateVisitor {
    let rules: HiddenRules
    let isDecoded: Bool
    var hidden: Placeholders
    var takesBackup: Bool { true }

    init(_ rules: HiddenRules, _ flow: JSON?, isDecoded: Bool) {
        self.rules = rules
        self.isDecoded = isDecoded
        hidden = Placeholders(of: flow?["id"]?.string ?? "")
    }

    mutating func visit(_ bytes: [UInt8], at place: HiddenPlace, path: String, in message: JSON) -> [UInt8] {
        switch place {
        case .header(_, let name):
            if rules.headers.contains(name) { return hidden.hide(bytes, at: place) }
            return splice(bytes, PairScan.parameters(rules.parameters, in: bytes), at: place)
        case .target: return splice(bytes, PairScan.parameters(rules.parameters, in: bytes), at: place)
        case .content: return content(bytes, at: place, BodyKind(message, isDecoded: isDecoded))
        case .message:
            // The pieces of a raw connection are cut anywhere, those of a WebSocket are whole.
            return content(bytes, at: place, message.array?.count == 3 ? .opaque : .plain(type: ""))
        case .record: return rules.hidesBodies ? hidden.hide(bytes, at: place) : bytes
        // The first bytes of a connection may be a head; a SOCKS client's password is what a proxy's authorization is elsewhere.
        case .text("data_client"): return hidden.hide(bytes, at: place)
        case .text("password"): return rules.headers.contains("proxy-authorization") ? hidden.hide(bytes, at: place) : bytes
        case .text: return bytes
        }
    }

    /// Texts of addons and of the core may repeat what stood in a head.
    mutating func visit(rest json: JSON, path: String) -> JSON {
        let name = path.split(separator: ".").last ?? ""
        switch name {
        case "metadata":
            var metadata = json
            // Where the option `proxyauth` leaves what the client gave.
            if rules.headers.contains("proxy-authorization"), var object = json.object, let given = object["proxyauth"] {
                object["proxyauth"] = given.mappingTexts { text(hidden.hide($0.utf8, at: .text(path))) }
                metadata = .object(object)
            }
            return copies(in: metadata, path)
        case "error", "comment", "close_reason": return copies(in: json, path)
        default: return json
        }
    }

    private mutating func copies(in json: JSON, _ path: String) -> JSON {
        json.mappingTexts { text(hidden.hidingCopies(in: Array($0.utf8), at: .text(path))) }
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private mutating func content(_ bytes: [UInt8], at place: HiddenPlace, _ kind: BodyKind) -> [UInt8] {
        guard rules.concernBodies, !bytes.isEmpty else { return bytes }
        guard case .plain(let type) = kind, !rules.hidesBodies, bytes.count <= Redaction.longestText else {
            return hidden.hide(bytes, at: place)
        }
        if rules.concernJSON {
            if let parts = MemberScan.values(of: rules.members, at: rules.pointers, in: bytes) {
                return splice(bytes, parts, at: place)
            }
            let begin = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
            let looksLikeJSON = begin == UInt8(ascii: "{") || begin == UInt8(ascii: "[")
            if looksLikeJSON || type.contains("json") || type.contains("event-stream") { return hidden.hide(bytes, at: place) }
        }
        guard !rules.formFields.isEmpty else { return bytes }
        if type.contains("multipart") { return hidden.hide(bytes, at: place) }
        return splice(bytes, PairScan.fields(rules.formFields, in: bytes), at: place)
    }

    private mutating func splice(_ bytes: [UInt8], _ parts: [HiddenRange], at place: HiddenPlace) -> [UInt8] {
        guard !parts.isEmpty else { return bytes }
        return bytes.replacing(parts) { part, value in
            let stand = hidden.hide(value, at: place, takesQuotes: part.takesQuotes)
            return part.takesQuotes ? [UInt8(ascii: "\"")] + stand + [UInt8(ascii: "\"")] : stand
        }
    }
}

/// Whether a body can be looked into.
private enum BodyKind {
    case opaque
    /// The media type in lower case, empty if none is named.
    case plain(type: String)

    init(_ message: JSON, isDecoded: Bool) {
        let headers = (try? Headers.restored(from: message["headers"] ?? [], at: "")) ?? Headers()
        func field(_ values: [ByteString]) -> String { values.map(\.string).joined(separator: ",").lowercased() }
        let isEncoded = !isDecoded && !field(headers.values(BodyCodings.field)).isEmpty
        self = isEncoded ? .opaque : .plain(type: field(headers.values("Content-Type")))
    }
}

/// Puts the true values in the place of placeholders.
private struct Restoring: StateVisitor {
    let hidden: Placeholders
    /// It is read-only: what an answer says of it would only serve to try guesses.
    var takesBackup: Bool { false }

    func visit(_ bytes: [UInt8], at place: HiddenPlace, path: String, in message: JSON) throws(StateRefusal) -> [UInt8] {
        hidden.isEmpty ? bytes : try hidden.restored(bytes, at: place, path: path)
    }

    func visit(rest json: JSON, path: String) throws(StateRefusal) -> JSON {
        guard !hidden.isEmpty else { return json }
        return try json.mappingTexts { (text) throws(StateRefusal) in
            String(decoding: try hidden.restored(Array(text.utf8), at: .text(path), path: path), as: UTF8.self)
        }
    }
}

extension JSON {
    /// The same with every text in it replaced, also the names of members.
    fileprivate func mappingTexts<Failure>(_ body: (String) throws(Failure) -> String) throws(Failure) -> JSON {
        switch self {
        case .null, .bool, .int, .double: return self
        case .string(let text): return .string(try body(text))
        case .array, .pairs:
            var result: [JSON] = []
            for value in array ?? [] { result.append(try value.mappingTexts(body)) }
            return .array(result)
        case .object(let object):
            var members: [JSONObject.Member] = []
            for member in object.members {
                members.append(.init(key: try body(member.key), value: try member.value.mappingTexts(body)))
            }
            return .object(JSONObject(replacing: members))
        }
    }

    /// Whether a placeholder may stand in it, in base 64 perhaps.
    fileprivate var mayHoldPlaceholder: Bool {
        switch self {
        case .null, .bool, .int, .double: false
        case .string(var text): text.withUTF8 { Placeholders.mayStand(in: UnsafeRawBufferPointer($0)) }
        case .array, .pairs: array?.contains { $0.mayHoldPlaceholder } ?? false
        case .object(let object): object["b64"] != nil || object.holdsPlaceholder
        }
    }
}

extension JSONObject {
    /// Without a string for each name, since there may be very many.
    fileprivate var holdsPlaceholder: Bool {
        var holds = false
        forEachMember { name, value in
            holds = holds || Placeholders.mayStand(in: name) || value.mayHoldPlaceholder
        }
        return holds
    }
}
