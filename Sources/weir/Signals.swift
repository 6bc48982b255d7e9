import Dispatch
import Glibc

/// The signals that the program takes: those that end it, and those that ask for something.
final class Signals {
    private static let ends = [SIGINT, SIGTERM]
    private static let asks = [SIGHUP, SIGUSR2]

    private let stream: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation
    private let sources: [Int32: any DispatchSourceSignal]
    private let hadTerminal = isatty(STDIN_FILENO) == 1

    /// Takes the signals from here on, so that one that comes while the program starts is not lost.
    init() {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        self.stream = stream
        self.continuation = continuation
        var sources: [Int32: any DispatchSourceSignal] = [:]
        for number in Self.ends + Self.asks {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            sources[number] = source
        }
        self.sources = sources
    }

    /// Runs the work until a signal; returns then, or if nothing is to come afterwards when the work is done. The result is the work's.
    /// `act` does what SIGHUP and SIGUSR2 ask for and says whether the program goes on; `refuse` is told of those that come too late.
    func meanwhile<Result: Sendable>(
        endsAfterwards: Bool, act: (Int32) async -> Bool, refuse: @escaping @Sendable (Int32) -> Void,
        _ work: @escaping @Sendable () async -> Result?
    ) async -> Result? {
        let done = continuation
        let task = Task.detached {
            let result = await work()
            if endsAfterwards { done.yield(0) }
            return result
        }
        await wait(act, refuse)
        task.cancel()
        let result = await task.value
        return endsAfterwards ? result : nil
    }

    /// Suspends until the program is to end. A second SIGINT or SIGTERM ends it at once.
    private func wait(_ act: (Int32) async -> Bool, _ refuse: @escaping @Sendable (Int32) -> Void) async {
        for await number in stream {
            guard Self.asks.contains(number), !(number == SIGHUP && hasLostTerminal), await act(number) else { break }
        }
        for number in Self.asks { sources[number]?.setEventHandler { refuse(number) } }
        for number in Self.ends {
            sources[number]?.cancel()
            signal(number, SIG_DFL)
        }
    }

    /// Who has closed the terminal wants what ran in it to end.
    private var hasLostTerminal: Bool { hadTerminal && isatty(STDIN_FILENO) == 0 }
}
