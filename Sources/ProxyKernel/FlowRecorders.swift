import FlowModel

/// Several takers of flows as one; each gets every flow, in their order.
public struct FlowRecorders: FlowRecorder {
    private let recorders: [any FlowRecorder]
    public let wantsMessages: Bool
    public let wantsContent: Bool

    public init(_ recorders: [any FlowRecorder]) {
        self.recorders = recorders
        wantsMessages = recorders.contains { $0.wantsMessages }
        wantsContent = recorders.contains { $0.wantsContent }
    }

    public func record(_ flow: AnyFlow, sizes: BodySizes) { for recorder in recorders { recorder.record(flow, sizes: sizes) } }

    public func recordMessage(of flow: AnyFlow) {
        for recorder in recorders where recorder.wantsMessages { recorder.recordMessage(of: flow) }
    }
}
