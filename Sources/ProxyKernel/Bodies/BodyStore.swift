import FlowModel
import Glibc
import NIOCore
import NIOPosix
import Schema

/// Where bodies are held that are too long for memory: files without names, in a folder of the proxy's own.
public struct BodyStore: Sendable {
    /// Bytes of one body that are held in memory.
    public let memoryLimit: Int
    /// Bytes of one body that are held at all.
    public let limit: Int
    private let confdir: String

    public init(_ settings: Settings) {
        let options = ProxyOptions.table
        self.init(
            confdir: settings[options.confdir], memoryLimit: settings[options.bodyMemoryLimit].bytes,
            limit: settings[options.bodyBufferLimit].bytes)
    }

    public init(confdir: String, memoryLimit: Int, limit: Int) {
        self.confdir = confdir
        self.memoryLimit = memoryLimit
        self.limit = limit
    }

    /// A new file; the folder is made if it is not there. Blocks.
    public func makeFile() throws(BodyFileFailure) -> BodyFileWriter {
        try BodyFileWriter(folder: "\(HomePath.expanded(confdir))/bodies")
    }

    /// Bytes in memory, however they are held, that are copied sooner than another thread has been asked to.
    public static let copiedSoon = 256 * 1024

    /// From here on a file in memory is worth its making.
    static let worthMapping = 64 * 1024

    /// Runs what blocks on a thread for that, and comes back to the loop.
    public static func offLoop<Value: Sendable>(
        _ loop: any EventLoop, _ body: @escaping @Sendable () throws -> Value
    ) -> EventLoopFuture<Value> {
        NIOThreadPool.singleton.runIfActive(eventLoop: loop, body)
    }

    /// The same for a story that waits.
    public static func offLoop<Value: Sendable>(
        _ loop: any EventLoop, as waiter: Waiter?,
        _ body: @escaping @Sendable () throws(BodyFileFailure) -> Value
    ) async throws(ProxyFailure) -> Result<Value, BodyFileFailure> {
        let pending = Pending<Result<Value, BodyFileFailure>>(on: loop)
        NIOThreadPool.singleton.submit { state in
            guard case .active = state else { return pending.fail(.stopping) }
            pending.resume(Result { () throws(BodyFileFailure) in try body() })
        }
        return try await pending.wait(as: waiter)
    }
}

extension ProxyFailure {
    /// What the disk would not take or give.
    init(_ failure: BodyFileFailure) { self.init(.limit, fault: .us, failure.description) }
}
