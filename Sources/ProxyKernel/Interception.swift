import FlowModel

/// Which flows stand still until somebody lets them go on.
public struct Interception: Sendable {
    public let admits: @Sendable (AnyFlow) -> Bool
    /// Whether `admits` looks at bodies.
    public let needsContent: Bool

    public init(needsContent: Bool, admits: @escaping @Sendable (AnyFlow) -> Bool) {
        self.needsContent = needsContent
        self.admits = admits
    }
}
