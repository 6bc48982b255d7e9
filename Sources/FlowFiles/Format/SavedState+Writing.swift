import FlowModel
import NIOCore
import Schema

/// A flow's state on its way to a file.
extension SavedState {
    /// The flow as one value of a file; bodies that were not kept are null there.
    static func write(_ flow: AnyFlow) throws(JSONFailure) -> TNetstringBuffer {
        var bodies: [Content] = []
        let record: any FlowRecord
        if case .http(var http) = flow {
            // Bodies do not take the way through JSON.
            http.value.mapContents { content in
                switch content {
                case .bytes, .file: bodies.append(content)
                case .missing, .omitted, .reference: return .missing
                }
                return .omitted(bodies.count - 1)
            }
            record = http.value
        } else {
            record = flow.record
        }
        var writer = JSONWriter(capacity: 4096)
        record.write(to: &writer)
        let json = try JSONReader(maximumDepth: 2 * TNetstringScanner.maximumDepth).read(writer.bytes)
        var buffer = TNetstringBuffer(capacity: 4096 + bodies.reduce(0) { $0 + ($1.buffer?.readableBytes ?? 0) })
        put(json, SavedLayout.records[flow.kind], bodies, &buffer)
        return buffer
    }

    private static func put(_ json: JSON, _ layout: SavedLayout, _ bodies: [Content], _ buffer: inout TNetstringBuffer) {
        switch (layout, json) {
        case (_, .null): buffer.null()
        case (.nullable(let wrapped), _): put(json, wrapped, bodies, &buffer)
        case (_, .pairs): put(.array(json.array ?? []), layout, bodies, &buffer)
        case (.number, _): buffer.double(json.double ?? 0)
        case (.bytes, _),
            (.any, .object(_)) where bytes(of: json) != nil:
            (bytes(of: json) ?? []).withUnsafeBytes { buffer.bytes($0) }
        case (.content, .object(let object)):
            guard let index = object.members.first?.value.int, bodies.indices.contains(index) else { return buffer.null() }
            switch bodies[index] {
            case .bytes(let bytes): bytes.withUnsafeReadableBytes { buffer.bytes($0) }
            case .file(let file): buffer.bytes(file)
            case .missing, .omitted, .reference: buffer.null()
            }
        case (.record(let place), .object(let object)): put(object, SavedLayout.records.all[place], bodies, &buffer)
        case (.headers, .array(let lines)): put(lines, { _ in SavedLayout.headerPair }, bodies, &buffer)
        case (.array(let element), .array(let values)): put(values, { _ in element }, bodies, &buffer)
        case (.tuple(let elements), .array(let values)):
            put(values, { elements.indices.contains($0) ? elements[$0] : .any }, bodies, &buffer)
        case (_, .bool(let value)): buffer.bool(value)
        case (_, .int(let value)): buffer.int(value)
        case (_, .double(let value)): buffer.double(value)
        case (_, .string(let value)): buffer.text(value)
        case (_, .array(let values)): put(values, { _ in .any }, bodies, &buffer)
        case (_, .object(let object)): put(object, [], bodies, &buffer)
        }
    }

    private static func put(
        _ values: [JSON], _ layout: (Int) -> SavedLayout, _ bodies: [Content], _ buffer: inout TNetstringBuffer
    ) {
        buffer.list { buffer in
            for index in values.indices.reversed() { put(values[index], layout(index), bodies, &buffer) }
        }
    }

    /// Members go in first to last, so that they come out last to first.
    private static func put(
        _ object: JSONObject, _ rows: [(name: String, layout: SavedLayout)], _ bodies: [Content],
        _ buffer: inout TNetstringBuffer
    ) {
        buffer.dict { buffer in
            for (index, member) in object.members.enumerated() {
                // A record writes its members in the order of its rows.
                let layout = index < rows.count ? rows[index].layout : .any
                put(member.value, layout, bodies, &buffer)
                buffer.text(member.key)
            }
        }
    }

    /// The octets of a JSON string that stands for bytes, or of `{"b64": …}`.
    private static func bytes(of json: JSON) -> [UInt8]? {
        switch json {
        case .string(let text): return Array(text.utf8)
        case .object(let object) where object.members.count == 1: return object["b64"]?.string.flatMap { Base64.decode($0) }
        default: return nil
        }
    }
}
