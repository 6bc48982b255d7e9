import FlowModel

/// Several takers of flows as one; each gets every flow, in their order.
package struct FlowRecorders: FlowRecorder {
    private let recorders: [any FlowRecorder]

    package init(_ recorders: [any FlowRecorder]) { self.recorders = recorders }

    package func record(_ flow: AnyFlow, sizes: BodySizes) { for recorder in recorders { recorder.record(flow, sizes: sizes) } }

    package func recordMessage(of flow: AnyFlow) {
        for recorder in recorders where recorder.wantsMessages { recorder.recordMessage(of: flow) }
    }

    package var wantsMessages: Bool { recorders.contains { $0.wantsMessages } }

    package var wantsContent: Bool { recorders.contains { $0.wantsContent } }
}
