import FlowModel
import NIOCore
import Schema

/// A flow's state on its way from a file: as JSON for the records to take in, with its bodies beside it.
///
/// What is not of the type that its row wants is handed on as it is: the record refuses it, and names the place.
struct SavedState {
    private(set) var json: JSON = .null
    /// What the JSON calls `{"omitted": index}`.
    private var bodies: [ByteBuffer] = []

    init(_ dict: SavedDict, _ kind: FlowKind) { json = read(.dict(dict), SavedLayout.records[kind]) }

    /// The flow, its state being read strictly.
    func flow() throws(StateRefusal) -> AnyFlow {
        let flow = try AnyFlow.restored(from: json, at: "flow")
        guard case .http(var http) = flow else { return flow }
        http.value.mapContents { content in
            guard case .omitted(let index) = content, let index, bodies.indices.contains(index) else { return .missing }
            return .bytes(bodies[index])
        }
        return .http(http)
    }

    private mutating func read(_ value: SavedValue, _ layout: SavedLayout) -> JSON {
        switch (layout, value) {
        case (.nullable(let wrapped), _): return value == .null ? .null : read(value, wrapped)
        case (.record(let place), .dict(let dict)): return record(dict, SavedLayout.records.all[place])
        case (.array(let element), .list(let values)): return .array(values.map { read($0, element) })
        case (.tuple(let elements), .list(let values)): return .array(tuple(values, elements))
        case (.headers, .list(let lines)): return .array(lines.map { read($0, SavedLayout.headerPair) })
        case (.content, .bytes(let bytes)):
            bodies.append(ByteBuffer(bytes: bytes))
            return ["omitted": .int(bodies.count - 1)]
        // A body that is no bytes must not be taken for one that was set aside.
        case (.content, .dict), (.content, .text): return .bool(false)
        case (.text, .bytes(let bytes)): return String(validating: bytes, as: UTF8.self).map { .string($0) } ?? Self.bytes(bytes)
        case (.bytes, .bytes(let bytes)): return Self.bytes(bytes)
        default: return Self.any(value)
        }
    }

    private mutating func record(_ dict: SavedDict, _ rows: [(name: String, layout: SavedLayout)]) -> JSON {
        var members: [JSONObject.Member] = []
        members.reserveCapacity(dict.members.count)
        for member in dict.members {
            let layout = rows.first { $0.name == member.key }?.layout ?? .any
            members.append(.init(key: member.key, value: read(member.value, layout)))
        }
        return .object(JSONObject(unique: members))
    }

    /// Files have tuples with fewer members where a later version added some, all of them booleans, and addresses of IPv6 with more.
    private mutating func tuple(_ values: [SavedValue], _ elements: [SavedLayout]) -> [JSON] {
        var result: [JSON] = []
        for (index, element) in elements.enumerated() {
            if index < values.count {
                result.append(read(values[index], element))
            } else if case .boolean = element {
                result.append(false)
            }
        }
        if case .text? = elements.first { return result }
        return result + values.dropFirst(elements.count).map { Self.any($0) }
    }

    private static func bytes(_ bytes: [UInt8]) -> JSON {
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        var encoded: [UInt8] = []
        bytes.withUnsafeBytes { Base64.encode($0, into: &encoded) }
        return ["b64": .string(String(decoding: encoded, as: UTF8.self))]
    }

    /// A value that no row speaks of, as JSON can have it: no NaN or infinity, no integer beyond 2^53.
    private static func any(_ value: SavedValue) -> JSON {
        switch value {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .int(let value): return (-(1 << 53)...(1 << 53)).contains(value) ? .int(value) : .double(Double(value))
        case .double(let value): return value.isFinite ? .double(value) : .null
        case .bytes(let value): return bytes(value)
        case .text(let value): return .string(value)
        case .list(let values): return .array(values.map { any($0) })
        case .dict(let dict): return .object(JSONObject(unique: dict.members.map { .init(key: $0.key, value: any($0.value)) }))
        }
    }
}
