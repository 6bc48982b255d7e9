import FlowModel

/// Several takers of flows as one; each gets every flow, in their order.
public struct FlowRecorders: FlowRecorder {
    private let recorders: [any FlowRecorder]

    public init(_ recorders: [any FlowRecorder]) { self.recorders = recorders }

    public func record(_ flow: AnyFlow, sizes: BodySizes) { for recorder in recorders { recorder.record(flow, sizes: sizes) } }

    public func recordMessage(of flow: AnyFlow) {
        for recorder in recorders where recorder.wantsMessages { recorder.recordMessage(of: flow) }
    }

    public var wantsMessages: Bool { recorders.contains { $0.wantsMessages } }

    public var wantsContent: Bool { recorders.contains { $0.wantsContent } }
}
