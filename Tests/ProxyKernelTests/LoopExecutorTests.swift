import NIOCore
import NIOPosix
import Testing

@testable import ProxyKernel

/// Stories of actors on a loop: where they begin, and where they go on.
@Suite struct LoopExecutorTests {
    /// Tells a story as a session does, and notes what happens when.
    private actor Teller {
        private nonisolated let executor: LoopExecutor
        nonisolated let unownedExecutor: UnownedSerialExecutor
        nonisolated let loop: any EventLoop
        private(set) var steps: [String] = []

        init(_ loop: any EventLoop) {
            self.loop = loop
            executor = LoopExecutor(loop)
            unownedExecutor = executor.asUnownedSerialExecutor()
        }

        func step(_ name: String) { steps.append(loop.inEventLoop ? name : "\(name) elsewhere") }

        func tell(_ pending: Pending<Void>) {
            step("before")
            executor.begin { [self] in
                step("begun")
                try? await pending.wait(as: nil)
                step("resumed")
            }
            step("after")
        }
    }

    @Test("a story runs at once to its first wait; once that is over it goes on in the loop's next turn, by no other thread")
    func order() async throws {
        let loop = NIOSingletons.posixEventLoopGroup.any()
        let teller = Teller(loop), pending = Pending<Void>(on: loop)
        await teller.tell(pending)
        try await loop.submit {
            pending.resume(())
            teller.assumeIsolated { $0.step("over") }
        }.flatMap { loop.submit { teller.assumeIsolated { $0.step("next turn") } } }.get()
        #expect(await teller.steps == ["before", "begun", "after", "over", "resumed", "next turn"])
    }
}
