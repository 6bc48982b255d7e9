import FlowExport
import FlowModel
import Logging
import ProxyKernel
import Synchronization

/// Writes each flow that has ended into an archive, for the option `hardump`.
public final class HARRecorder: FlowRecorder {
    private enum State {
        case open(HARFile)
        /// Ended, or given up after a failure.
        case over
    }

    private let state: Mutex<State>
    private let logger: Logger

    /// Makes the file, so that a path that cannot be written is known from the beginning.
    public init(path: String, version: String, logger: Logger) throws(HARFile.Failure) {
        let file = try HARFile(path, creatorVersion: version)
        state = Mutex(.open(file))
        self.logger = logger
    }

    public var wantsContent: Bool { true }

    /// Only HTTP has a place in an archive.
    public func record(_ flow: AnyFlow, sizes: BodySizes) {
        guard case .http(let flow) = flow else { return }
        act { file throws(HARFile.Failure) in try file.add(flow.value) }
    }

    /// Ends the archive; flows that end later are not in it.
    public func finish() {
        act { file throws(HARFile.Failure) in try file.finish() }
        state.withLock { $0 = .over }
    }

    /// After a failure nothing more is written: what stands in the file so far can be read.
    private func act(_ body: (HARFile) throws(HARFile.Failure) -> Void) {
        let failure: HARFile.Failure? = state.withLock { state in
            guard case .open(let file) = state else { return nil }
            do throws(HARFile.Failure) {
                try body(file)
                return nil
            } catch {
                state = .over
                return error
            }
        }
        if let failure { logger.error("hardump: \(failure); no further flow is written to it") }
    }
}
