import FlowFiles
import FlowModel
import Glibc
import ProxyKernel

/// Writes ended flows to a file.
package struct FlowFileRecorder: FlowRecorder {
    private let file: FlowFileWriter
    private let isWritten: @Sendable (AnyFlow) -> Bool

    package init(_ file: FlowFileWriter, isWritten: @escaping @Sendable (AnyFlow) -> Bool) {
        self.file = file
        self.isWritten = isWritten
    }

    package var wantsContent: Bool { true }

    package func record(_ flow: HTTPFlow, sizes: BodySizes) { write(.http(flow)) }

    /// A flow that was read from a file.
    package func record(_ flow: AnyFlow) throws(FlowFileTrouble) {
        if isWritten(flow) { try file.write(flow) }
    }

    /// Writes a flow that has not ended, at the end of the program; CONNECT requests are not written.
    package func recordActive(_ flow: HTTPFlow) {
        if flow.request.method != "CONNECT" { write(.http(flow)) }
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
