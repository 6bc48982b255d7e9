import AddonWire
import NIOPosix
import ProxyKernel
import Schema
import Synchronization

/// One recording of what goes between the core and an addon. Lines are taken from any loop and worked on by one thread, which is that of
/// all recordings; what it does not get to in time is left out, and counted.
final class Trace: Sendable {
    /// Bytes that wait for the thread, at most.
    private static let maximumWaiting = 16 << 20

    private static let thread: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        return pool
    }()

    private let began: Double
    private let rules: HiddenRules
    private let secretOptions: Set<String>
    private let sink: any TraceSink
    private let waiting = Atomic(0)
    private let dropped = Atomic(0)
    private let isOver = Atomic(false)
    /// The thread's.
    private let connections = Mutex<[Int: Connection]>([:])

    private struct Connection {
        var splitters: [Transcript.Step.Side: LineSplitter] = [:]
        var redaction: TraceRedaction
    }

    /// `rules` are those of untrusted addons, and more.
    init(_ addon: Addon, rules: [String], options: [any AnyOption], into sink: any TraceSink) throws(AddonFailure) {
        self.rules = try HiddenRules(["standard"] + rules, hidesCredentials: true)
        secretOptions = Set(options.filter(\.isSecret).map(\.name))
        self.sink = sink
        began = WallClock.now
        sink.write(Transcript.head(addon, time: began))
    }

    /// Whether nothing more is taken: it is full, or nobody wants it.
    var hasEnded: Bool { isOver.load(ordering: .relaxed) }

    /// Bytes of whole or broken lines of one side, in their order.
    func record(_ bytes: [UInt8], of side: Transcript.Step.Side, connection: Int) {
        guard !hasEnded else { return }
        guard waiting.add(bytes.count, ordering: .relaxed).newValue <= Self.maximumWaiting else {
            waiting.subtract(bytes.count, ordering: .relaxed)
            dropped.add(bytes.count, ordering: .relaxed)
            return
        }
        let time = WallClock.now - began
        Self.thread.submit { [self] _ in
            work(bytes, side, connection, time)
            waiting.subtract(bytes.count, ordering: .relaxed)
        }
    }

    private func work(_ bytes: [UInt8], _ side: Transcript.Step.Side, _ connection: Int, _ time: Double) {
        guard !hasEnded else { return }
        var steps: [JSON] = []
        connections.withLock { connections in
            var state = connections[connection] ?? Connection(redaction: TraceRedaction(rules, secretOptions: secretOptions))
            var splitter = state.splitters[side] ?? LineSplitter()
            try? bytes.withUnsafeBytes { bytes in
                try splitter.feed(bytes) { line in
                    // What it began in the middle of is no line, and neither is what ends a connection.
                    guard let message = try? JSONReader().read(line), message.object != nil else { return }
                    steps.append(
                        Transcript.step(side, state.redaction.hide(message, of: side), connection: connection, seconds: time))
                }
            }
            state.splitters[side] = splitter
            connections[connection] = state
        }
        let missed = dropped.exchange(0, ordering: .relaxed)
        if missed > 0 { sink.write(["dropped": .int(missed)]) }
        for step in steps where !sink.write(step) {
            isOver.store(true, ordering: .relaxed)
            return
        }
    }
}

/// Where a recording goes; the recordings' thread writes.
protocol TraceSink: Sendable {
    /// False if no more is taken.
    @discardableResult
    func write(_ line: JSON) -> Bool
}
