import Control
import FlowFiles
import FlowModel
import HTTPExchange
import Logging
import ProxyKernel
import Schema

/// The files that `client_replay` names, opened, whose requests are sent once more.
struct ReplayedFlows {
    /// How many requests wait at a time, at most, so that a long file is not held in memory.
    private static let batch = 64

    private let files: [SavedFlows]

    init(_ paths: [String]) throws(FlowFileTrouble) {
        var files: [SavedFlows] = []
        for path in paths { files.append(try SavedFlows(path)) }
        self.files = files
    }

    /// Returns when every request was answered or has failed; the result is what went wrong with a file. What cannot be sent again
    /// is logged and passed over.
    func run(_ replay: ClientReplay, _ settings: Settings, _ logger: Logger) async -> FlowFileTrouble? {
        guard !files.isEmpty else { return nil }
        var (count, waiting) = (0, 0)
        var trouble: FlowFileTrouble?
        for file in files where !Task.isCancelled {
            do throws(FlowFileTrouble) {
                while let flow = try file.next(), !Task.isCancelled {
                    guard send(flow, of: file, replay, logger) else { continue }
                    (count, waiting) = (count + 1, waiting + 1)
                    if waiting == Self.batch {
                        try? await replay.whenIdle().get()
                        waiting = 0
                    }
                }
            } catch {
                // A program that ends for it says so with its last words.
                if settings[FlowFileOptions.table.server] { logger.error("\(error)") }
                trouble = error
            }
        }
        try? await replay.whenIdle().get()
        logger.info("replayed \(count) requests")
        return trouble
    }

    private func send(_ flow: AnyFlow, of file: SavedFlows, _ replay: ClientReplay, _ logger: Logger) -> Bool {
        do throws(ReplayRefusal) {
            guard case .http(let flow) = flow else { throw ReplayRefusal("only flows of HTTP are replayed") }
            try replay.replay(flow.value)
            return true
        } catch {
            logger.warning("flow \(flow.id) of \(file.name) is not replayed: \(error)")
            return false
        }
    }
}
