import FlowModel

/// Which flows stand still until somebody lets them go on.
package struct Interception: Sendable {
    package let admits: @Sendable (AnyFlow) -> Bool
    /// Whether `admits` looks at bodies.
    package let needsContent: Bool

    package init(needsContent: Bool, admits: @escaping @Sendable (AnyFlow) -> Bool) {
        self.needsContent = needsContent
        self.admits = admits
    }
}
