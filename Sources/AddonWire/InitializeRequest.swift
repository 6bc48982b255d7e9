public import Schema

/// What the core says of itself in `initialize`, the first line of a connection.
public struct InitializeRequest: Sendable {
    /// The versions of this protocol that the core speaks.
    public static let versions = [1]

    public var coreName: String
    public var coreVersion: String
    /// Unique among the connections of this core.
    public var workerID: String
    public var workerName: String
    public var limits: LinkLimits
    /// Every option's value by its name.
    public var options: JSON
    /// What the worker may use.
    public var capabilities: [Capability]

    public init(
        coreName: String, coreVersion: String, workerID: String, workerName: String, limits: LinkLimits, options: JSON,
        capabilities: [Capability]
    ) {
        self.coreName = coreName
        self.coreVersion = coreVersion
        self.workerID = workerID
        self.workerName = workerName
        self.limits = limits
        self.options = options
        self.capabilities = capabilities
    }

    public var message: LinkMessage {
        LinkMessage("initialize") { writer in
            writer.key("protocol")
            writer.value(.array(Self.versions.map { .int($0) }))
            writer.key("core")
            writer.value(["name": .string(coreName), "version": .string(coreVersion)])
            writer.key("worker")
            writer.value(["id": .string(workerID), "name": .string(workerName)])
            writer.key("limits")
            writer.value([
                "max_line": .int(limits.ownLine), "max_depth": .int(limits.maximumDepth),
                "max_in_flight": .int(limits.maximumInFlight), "max_extension_ms": .int(Int(limits.maximumExtension)),
                "stream_credit": .int(limits.streamCredit),
            ])
            writer.key("capabilities")
            writer.value(.array(capabilities.map { .string($0.rawValue) }))
            writer.key("options")
            writer.value(options)
        }
    }
}
