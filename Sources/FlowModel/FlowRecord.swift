import Schema

/// The state of a flow of any type: the members that all of them have, and those of its own.
public protocol FlowRecord: Record {
    /// What `type` says, and the word that files and filters use.
    static var kind: FlowKind { get }

    var version: Int { get set }
    var type: String { get set }
    var id: String { get set }
    var error: FlowError? { get set }
    var client: Frozen<Client> { get set }
    var server: Frozen<Server> { get set }
    var intercepted: Bool { get set }
    var isReplay: String? { get set }
    var marked: String { get set }
    var metadata: Metadata { get set }
    var comment: String { get set }
    var timestampCreated: Double { get set }
    var backup: Boxed<Self>? { get set }

    var any: AnyFlow { get }
    /// About how many bytes of memory those members take that other types do not have.
    static func trafficFootprint(of flow: UnsafePointer<Self>) -> Int
    /// Takes over from the present state what only the wire can tell and what has come since this one was remembered.
    mutating func keepTraffic(of present: Self)
}

/// mitmproxy's flow format, whose field names and nesting the state keeps.
public enum FlowFormat {
    public static let version = 21
    public static let versionMember = "version"
    public static let typeMember = "type"
    public static let backupMember = "backup"
}

/// Where a type of flow stores the members that all of them have. The key paths are of the type itself, not of the protocol, so that
/// the rows reach what is stored by its offset.
public struct FlowPlaces<Flow: FlowRecord> {
    public typealias Place<Value> = any WritableKeyPath<Flow, Value> & Sendable

    let version: Place<Int>
    let type: Place<String>
    let id: Place<String>
    let error: Place<FlowError?>
    let client: Place<Frozen<Client>>
    let server: Place<Frozen<Server>>
    let intercepted: Place<Bool>
    let isReplay: Place<String?>
    let marked: Place<String>
    let metadata: Place<Metadata>
    let comment: Place<String>
    let timestampCreated: Place<Double>
    let backup: Place<Boxed<Flow>?>

    /// The rows, in the order in which mitmproxy's states have them.
    @inline(__always)
    public var rows: [Field<Flow>] {
        let kind = Flow.kind.rawValue
        return [
            Field(FlowFormat.versionMember, version, .readOnly, words: [FlowFormat.version], "The flow format, 21."),
            Field(FlowFormat.typeMember, type, .readOnly, words: [kind], "`\(kind)`."),
            Field("id", id, .readOnly, "UUID of the flow."),
            Field("error", error, "What ended the flow, or null."),
            Field("client_conn", client, .readOnly, "The client's connection."),
            Field(
                "server_conn", server, .readOnly, "The server's connection; not yet made while its `timestamp_start` is null."),
            Field("intercepted", intercepted, "Whether the flow is held until somebody resumes it."),
            Field(
                "is_replay", isReplay, .readOnly, words: [nil, "request", "response"],
                "`request` or `response` if that side was replayed."),
            Field(
                "marked", marked, refuse: { Marker.refusal($0) },
                "Empty, one character, or an emoji's name such as `:red_circle:`."),
            Field("metadata", metadata, "The addons' own members; merged, not replaced."),
            Field("comment", comment, "A person's comment."),
            Field("timestamp_created", timestampCreated, .readOnly, "Seconds since 1970, UTC."),
            Field(FlowFormat.backupMember, backup, .readOnly, "The state before the first edit, or null."),
        ]
    }
}
