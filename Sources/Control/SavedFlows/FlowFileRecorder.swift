import FlowFiles
import FlowModel
import Glibc
import ProxyKernel
import Synchronization

/// Writes ended flows to a file, each once.
public final class FlowFileRecorder: FlowRecorder {
    private let file: FlowFileWriter
    private let isWritten: @Sendable (AnyFlow) -> Bool
    /// Flows that were written before they ended, because the program does.
    private let early = Mutex<Set<String>>([])

    public init(_ file: FlowFileWriter, isWritten: @escaping @Sendable (AnyFlow) -> Bool) {
        self.file = file
        self.isWritten = isWritten
    }

    public var wantsContent: Bool { true }

    public func record(_ flow: AnyFlow, sizes: BodySizes) {
        if !early.withLock({ $0.contains(flow.id) }) { write(flow) }
    }

    /// A flow that was read from a file.
    public func record(_ flow: AnyFlow) throws(FlowFileTrouble) {
        if isWritten(flow) { try file.write(flow) }
    }

    /// Writes a flow that has not ended, at the end of the program; CONNECT requests are not written. On the flow's loop.
    public func recordActive(_ flow: AnyFlow) {
        if case .http(let flow) = flow, flow.value.request.method == "CONNECT" { return }
        guard early.withLock({ $0.insert(flow.id).inserted }) else { return }
        write(flow)
    }

    /// A flow that cannot be written ends the program: better than to let traffic through that nobody will find in the file.
    private func write(_ flow: AnyFlow) {
        guard isWritten(flow) else { return }
        do throws(FlowFileTrouble) {
            try file.write(flow)
        } catch {
            Terminal.write("weir: \(error)\n", to: STDERR_FILENO)
            exit(1)
        }
    }
}
