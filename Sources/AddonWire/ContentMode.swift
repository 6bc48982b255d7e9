public import Schema

/// How much of a flow's bodies a worker is shown.
public enum ContentMode: Sendable, Equatable {
    /// Sizes only.
    case none
    /// The octets as they stand on the wire.
    case whole
    /// The octets without their content codings; put back when the worker changes them.
    case decoded
    /// The event's own body in pieces, which the worker gives back as it wants them; without content codings if it `decodes`.
    case stream(decodes: Bool)
    /// That many octets from the body's beginning, at most.
    case preview(Int)

    /// What waits for a body that nobody holds is at most as much.
    public static let maximumPreview = 256 << 10

    /// The whole of every body stands in the event.
    public var isWhole: Bool { self == .whole || self == .decoded }
    /// It is about the one body that the event is about.
    public var isPart: Bool {
        switch self {
        case .none, .whole, .decoded: false
        case .stream, .preview: true
        }
    }

    /// Reads `content` and `decode` of a hook.
    init(_ object: JSONObject, at path: String) throws(StateRefusal) {
        func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
        let decodes = try object.optional("decode", Bool.self, at: path) ?? false
        guard let json = object["content"], json != .null else {
            self = .none
            try Self.refuse(decodes, at: path)
            return
        }
        if json.object != nil {
            guard let count = json["preview"]?.int, (1...Self.maximumPreview).contains(count) else {
                throw StateRefusal(
                    .badState, at: place("content"), "expected {\"preview\": 1 to \(Self.maximumPreview)}")
            }
            self = .preview(count)
            try Self.refuse(decodes, at: path)
            return
        }
        switch try String.read(json, at: place("content")) {
        case "stream":
            self = .stream(decodes: decodes)
            return
        case "none": self = .none
        case "whole": self = .whole
        case "decoded": self = .decoded
        case let word:
            throw StateRefusal(
                .badState, at: place("content"),
                "expected one of none, whole, decoded, stream or {\"preview\": n}, found '\(word)'")
        }
        try Self.refuse(decodes, at: path)
    }

    /// Reads `content` of a call, which has no part in a body's way.
    public init(of params: JSON, at path: String) throws(StateRefusal) {
        try self.init(params.object ?? [:], at: path)
        guard !isPart else { throw StateRefusal(.badState, at: "content", "expected one of none, whole, decoded") }
    }

    private static func refuse(_ decodes: Bool, at path: String) throws(StateRefusal) {
        guard !decodes else {
            throw StateRefusal(.badState, at: path.isEmpty ? "decode" : "\(path).decode", "it is for content: stream")
        }
    }

    /// The members that say so in `initialized`.
    func writeMembers(to writer: inout JSONWriter) {
        writer.key("content")
        switch self {
        case .none: writer.string("none")
        case .whole: writer.string("whole")
        case .decoded: writer.string("decoded")
        case .stream(let decodes):
            writer.string("stream")
            writer.key("decode")
            writer.bool(decodes)
        case .preview(let count):
            writer.beginObject()
            writer.key("preview")
            writer.int(count)
            writer.endObject()
        }
    }
}
