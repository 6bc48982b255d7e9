import FlowModel

/// Which flows stand still until somebody lets them go on.
package struct Interception: Sendable {
    package let admits: @Sendable (HTTPFlow) -> Bool
    /// Whether `admits` looks at bodies.
    package let needsContent: Bool

    package init(needsContent: Bool, admits: @escaping @Sendable (HTTPFlow) -> Bool) {
        self.needsContent = needsContent
        self.admits = admits
    }
}
