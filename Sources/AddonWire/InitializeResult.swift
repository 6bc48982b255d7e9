public import Schema

/// What a worker says of itself in its answer to `initialize`. No member has to be there; unknown ones are ignored.
public struct InitializeResult: Sendable {
    public var version: Int
    public var name: String?
    public var workerVersion: String?
    public var hooks: [HookRequest]
    /// The calls of the core that it wants to make.
    public var permissions: [String] = []
    public var options: [OptionDeclaration] = []
    public var commands: [CommandDeclaration] = []
    /// Those of the offered ones that it uses; others mean nothing here.
    public var capabilities: Set<Capability> = []
    /// The longest line that the worker takes; at least 1024.
    public var maximumLine: Int?
    public var maximumInFlight: Int?

    /// Reads the result, or says which of its members is refused.
    public init(_ json: JSON, hooks known: [any AnyHook]) throws(StateRefusal) {
        guard let object = json.object else { throw .expected("an object", at: "result", found: json) }
        version = try object.optional("protocol", Int.self, at: "") ?? 1
        guard InitializeRequest.versions.contains(version) else {
            let offered = InitializeRequest.versions.map(String.init).joined(separator: ", ")
            throw StateRefusal(.badState, at: "protocol", "version \(version) was not offered (\(offered))")
        }
        name = try object.optional("name", String.self, at: "")
        workerVersion = try object.optional("version", String.self, at: "")
        hooks = []
        if let list = object["hooks"], list != .null {
            guard let list = list.array else { throw .expected("an array", at: "hooks", found: list) }
            try Self.bound(list.count, at: "hooks")
            for (index, entry) in list.enumerated() {
                hooks.append(try HookRequest(entry, at: "hooks[\(index)]", hooks: known))
            }
        }
        for (index, entry) in hooks.enumerated()
        where hooks[..<index].count(where: { $0.hook.index == entry.hook.index }) >= Self.maximumRepeats {
            throw StateRefusal(.badState, at: "hooks[\(index)]", "expected the same hook at most \(Self.maximumRepeats) times")
        }
        capabilities = Set(
            (try object.optional("capabilities", [String].self, at: "") ?? []).compactMap { Capability(rawValue: $0) })
        permissions = try object.optional("permissions", [String].self, at: "") ?? []
        try Self.bound(permissions.count, at: "permissions")
        for (index, entry) in (try object.optional("options", [JSON].self, at: "") ?? []).enumerated() {
            try Self.bound(index + 1, at: "options")
            options.append(try OptionDeclaration(entry, at: "options[\(index)]"))
        }
        for (index, entry) in (try object.optional("commands", [JSON].self, at: "") ?? []).enumerated() {
            try Self.bound(index + 1, at: "commands")
            commands.append(try CommandDeclaration(entry, at: "commands[\(index)]"))
        }
        guard let limits = object["limits"], limits != .null else { return }
        guard let limits = limits.object else { throw .expected("an object", at: "limits", found: limits) }
        maximumLine = try limits.positive("max_line", at: "limits")
        maximumInFlight = try limits.positive("max_in_flight", at: "limits")
        if let maximumLine, maximumLine < 1024 {
            throw StateRefusal(.badState, at: "limits.max_line", "expected at least 1024, found \(maximumLine)")
        }
    }

    /// Entries of each list.
    public static let maximumEntries = 128
    /// How often one hook may be in the list, each with a filter of its own: a flow waits for all of them.
    public static let maximumRepeats = 8

    static func bound(_ count: Int, at path: String) throws(StateRefusal) {
        guard count <= maximumEntries else {
            throw StateRefusal(.tooLarge, at: path, "expected at most \(maximumEntries) entries")
        }
    }

    /// A hook as it was asked for, with what was granted in its place.
    public typealias GrantedHook = (hook: HookRequest, content: ContentMode, timeout: Int64, policy: FailurePolicy)

    /// The notification that ends the handshake: what was granted.
    ///
    /// `refused` are the names of hooks that were not, `redacted` says what is hidden from the worker.
    public static func initialized(
        _ granted: [GrantedHook], refused: [String], permissions: [String], redacted: [String]
    ) -> LinkMessage {
        LinkMessage("initialized", capacity: 512) { writer in
            writer.key("hooks")
            writer.beginArray()
            for grant in granted {
                var hook = grant.hook
                hook.content = grant.content
                hook.write(to: &writer, timeout: grant.timeout, policy: grant.policy)
            }
            writer.endArray()
            writer.key("refused")
            writer.value(.array(refused.map { .string($0) }))
            writer.key("permissions")
            writer.value(.array(permissions.map { .string($0) }))
            writer.key("redacted")
            writer.value(.array(redacted.map { .string($0) }))
        }
    }
}
