import AddonWire
import NIOCore
import NIOPosix
import ProxyKernel

extension Worker {
    /// Starts the process or makes the connection; the future succeeds when the handshake is done, and fails with an
    /// `AddonFailure`. On the worker's loop.
    func launch() -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        launched = promise
        supervision.starting()
        let life = WorkerLife()
        self.life = life
        switch addon.form {
        case .spawn(let command, let isStdio): spawn(command, isStdio: isStdio, life)
        case .connect(let path):
            connected(
                ClientBootstrap(group: loop).channelInitializer(initializer(life)).connect(unixDomainSocketPath: path), life)
        case .attached: break
        }
        return promise.futureResult
    }

    /// Takes a connection that a worker has made; instead of `launch`. On the worker's loop, before the channel is active.
    func adopt(_ channel: any Channel) throws -> EventLoopFuture<Void> {
        let future = launch()
        if let life { try install(makeLink(life), in: channel) }
        return future
    }

    private func spawn(_ command: [String], isStdio: Bool, _ life: WorkerLife) {
        let handle = NIOLoopBound(life, eventLoop: loop)
        do {
            let (child, ends) = try ChildProcess.start(
                command, in: try Cage(addon), isStdio: isStdio, carriesDescriptors: host.offers(.fd, to: self), name: addon.name
            ) { [self] exit in
                loop.execute { self.exited(handle.value, exit) }
            }
            life.child = child
            life.descriptors = ends.descriptors
            life.report = ends.report
            life.isOutputOver = false
            readOutput(ends.output, life)
            connected(
                ClientBootstrap(group: loop).channelInitializer(initializer(life)).withConnectedSocket(ends.socket), life)
        } catch {
            life.refusal = error.description
            life.end = .ended
            check(life)
        }
    }

    private func readOutput(_ descriptor: CInt, _ life: WorkerLife) {
        let handle = NIOLoopBound(life, eventLoop: loop)
        NIOPipeBootstrap(group: loop).channelInitializer { [self] channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(PacedReading(share: bounds.link.readingShare))
                try channel.pipeline.syncOperations.addHandler(
                    WorkerOutput(lines: OutputLines(maximumLength: bounds.logLine, rate: bounds.logRate)) { line in
                        handle.value.lastLine = line
                        self.host.log.line(.info, self.name, line)
                    } refused: { count in
                        self.meters?.droppedLogLines.increment(by: Int64(count))
                    } finished: {
                        self.outputEnded(handle.value)
                    })
            }
        }.takingOwnershipOfDescriptor(input: descriptor).whenFailure { _ in self.outputEnded(handle.value) }
    }

    private func initializer(_ life: WorkerLife) -> @Sendable (any Channel) -> EventLoopFuture<Void> {
        let handle = NIOLoopBound(life, eventLoop: loop)
        return { channel in
            channel.eventLoop.makeCompletedFuture {
                try self.install(self.makeLink(handle.value), in: channel)
            }
        }
    }

    private func install(_ link: WorkerLink, in channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandlers([link.reading, link])
    }

    private func makeLink(_ life: WorkerLife) throws -> WorkerLink {
        // The host may have stopped while the connection was being made.
        guard !isStopping else { throw AddonFailure("the proxy stops") }
        let link = WorkerLink(
            loop: loop, limits: bounds.link, initialize: host.initialize(self), traces: (addon.traces, serial), owner: self)
        life.link = link
        return link
    }

    private func connected(_ channel: EventLoopFuture<any Channel>, _ life: WorkerLife) {
        let handle = NIOLoopBound(life, eventLoop: loop)
        channel.whenFailure { error in
            handle.value.refusal = "no connection\(self.peer): \(AddonFailure.reason(error))\(self.cure)"
            handle.value.end = .ended
            self.check(handle.value)
        }
    }

    /// What helps where nobody listens any more, for messages to people.
    private var cure: String {
        guard case .connect(let path) = addon.form, let units = ActivatedUnits(socket: path) else { return "" }
        return "; if systemd has given it up: \(units.cure)"
    }

    /// Where it was to be reached, for messages to people.
    private var peer: String { if case .connect(let path) = addon.form { " to \(path)" } else { "" } }
}
