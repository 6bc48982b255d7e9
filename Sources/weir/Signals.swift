import Dispatch
import Glibc

/// The signals that end the program.
final class Signals {
    private let stream: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation
    private let sources: [any DispatchSourceSignal]

    /// Takes the signals from here on, so that one that comes while the program starts is not lost.
    init() {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        self.stream = stream
        self.continuation = continuation
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }

    /// Runs the work until a signal; returns then, or if nothing is to come afterwards when the work is done. The result is the work's.
    func meanwhile<Result: Sendable>(
        endsAfterwards: Bool, _ work: @escaping @Sendable () async -> Result?
    ) async -> Result? {
        let done = continuation
        let task = Task.detached {
            let result = await work()
            if endsAfterwards { done.yield(0) }
            return result
        }
        await wait()
        task.cancel()
        let result = await task.value
        return endsAfterwards ? result : nil
    }

    /// Suspends until SIGINT or SIGTERM. A second one ends the program at once.
    func wait() async {
        for await _ in stream { break }
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }
}
