import FlowFiles
import FlowModel
import ProxyKernel

/// Takes the flows of a file through the addons and hands them on in the file's order.
public struct SavedFlowSequence {
    /// Bytes of memory that flows under way take at most, about, unless one alone takes more.
    private static let maximumBytes = 8 << 20

    private let stage: SavedFlowStage
    private let concurrency: Int
    private let admits: @Sendable (AnyFlow) -> Bool

    public init(stage: SavedFlowStage, concurrency: Int, admits: @escaping @Sendable (AnyFlow) -> Bool) {
        self.stage = stage
        self.concurrency = max(concurrency, 1)
        self.admits = admits
    }

    /// Reads to the end of the file, or until the task is cancelled. Of a damaged file, all whole flows are handed on first.
    public func run(_ reader: SavedFlows, _ body: (AnyFlow) throws(FlowFileTrouble) -> Void) async throws(FlowFileTrouble) {
        var underWay: [(task: Task<AnyFlow, Never>, size: Int)] = []
        var size = 0
        var trouble: FlowFileTrouble?
        while !Task.isCancelled {
            var next: AnyFlow?
            do throws(FlowFileTrouble) { next = try reader.next() } catch { trouble = error }
            guard let flow = next else { break }
            guard admits(flow) else { continue }
            let taken = flow.footprint
            while let first = underWay.first, underWay.count >= concurrency || size + taken > Self.maximumBytes {
                underWay.removeFirst()
                size -= first.size
                try body(await first.task.value)
            }
            size += taken
            underWay.append((Task { [stage] in await stage.play(flow) }, taken))
        }
        for flow in underWay { try body(await flow.task.value) }
        if let trouble { throw trouble }
    }
}
