import Control
import FlowFiles
import FlowModel
import Glibc
import Logging
import ProxyKernel
import Schema

/// The file that `rfile` names, opened, and what is done with its flows.
struct SavedFlowSource {
    private let reader: SavedFlows
    private let settings: Settings
    private let admits: @Sendable (AnyFlow) -> Bool

    init(_ path: String, _ settings: Settings, _ admits: @escaping @Sendable (AnyFlow) -> Bool) throws(FlowFileTrouble) {
        reader = try SavedFlows(path)
        self.settings = settings
        let id = settings[FlowFileOptions.table.readIdentifier]
        self.admits = { flow in (id == nil || flow.id == id) && admits(flow) }
    }

    /// Whether both paths are one file, which would be emptied before it is read.
    static func isSame(_ source: String, _ target: String) -> Bool {
        var (one, other) = (stat(), stat())
        return stat(source, &one) == 0 && stat(target.hasPrefix("+") ? String(target.dropFirst()) : target, &other) == 0
            && one.st_ino == other.st_ino && one.st_dev == other.st_dev && one.st_mode & S_IFMT == S_IFREG
    }

    /// Shows the flows to the addons, hands each to `record` and, if the proxy goes on, keeps it. The result is what went wrong.
    func run(
        _ stage: SavedFlowStage, _ services: Services, _ logger: Logger, _ record: (AnyFlow) throws(FlowFileTrouble) -> Void
    ) async -> FlowFileTrouble? {
        let options = FlowFileOptions.table
        let flows = SavedFlowSequence(stage: stage, concurrency: settings[options.readConcurrency], admits: admits)
        let isKept = settings[options.server]
        var count = 0
        do throws(FlowFileTrouble) {
            try await flows.run(reader) { (flow) throws(FlowFileTrouble) in
                count += 1
                try record(flow)
                if isKept { services.flows.finish(flow, on: stage.loop) }
            }
            if count == 0, let id = settings[options.readIdentifier] { throw FlowFileTrouble("\(reader.name) has no flow \(id)") }
            if let note = reader.note { logger.warning("\(note)") }
            logger.info("read \(count) flows from \(reader.name)")
            return nil
        } catch {
            // A program that ends for it says so with its last words.
            if isKept { logger.error("\(error) (\(count) flows were read)") }
            return error
        }
    }
}
