import AddonHost
import Control
import DNS
import FlowExport
import FlowFiles
import FlowModel
import Glibc
import HTTP1
import HTTP2
import HTTPExchange
import Logging
import NIOCore
import NIOPosix
import Observability
import ProxyKernel
import RawTCP
import RawUDP
import Rules
import SOCKS
import Schema
import Systemd
import TLSEngine
import WebSocket

/// The composition root: builds the parts from the command line, starts them in order, and ends them in the reverse one.
struct Program {
    static let version = "0.1.0"
    static let parts = {
        var parts = HTTPParts(
            serverStream: { HTTP2Layer.makeServerStream($0, $1) ?? HTTP1Layer.makeServerStream($0, $1) },
            upgrades: [WebSocketLayer.upgrade])
        parts.cleartextUpgrade = HTTP2Layer.makeUpgrade(parts)
        return parts
    }()
    static func protocols(_ settings: Settings) -> [ProtocolLayer] {
        let demandsCredentials = settings[RuleOptions.table.proxyAuth] != nil
        return [
            HTTP2Layer.registration(parts), HTTP1Layer.registration(parts), RawTCPLayer.registration, RawTCPLayer.passthrough,
            SOCKSLayer.registration(demandsCredentials: demandsCredentials),
        ]
    }
    static let tables = ProtocolPages.Tables(
        hooks: [
            LifecycleHooks.table.hooks, ConnectionHooks.table.hooks, TLSHooks.table.hooks, LayerHooks.table.hooks,
            HTTPHooks.table.hooks, SOCKSHooks.table.hooks, WebSocketHooks.table.hooks, TCPHooks.table.hooks, UDPHooks.table.hooks,
            DNSHooks.table.hooks,
        ].flatMap { $0 },
        options: options, calls: CoreCall.table.map { ($0.method, $0.params, $0.doc) },
        instruments: ProxyInstruments.table.instruments + AddonInstruments.table.instruments
            + ProcessInstruments.table.instruments
    )
    static let options = [
        ProxyOptions.table.options, RuleOptions.table.options, AddonHostOptions.table.options, AddonOptions.table.options,
        TerminalOptions.table.options,
        ArchiveOptions.table.options, FlowFileOptions.table.options, WebSocketOptions.table.options, DNSOptions.table.options,
        ProbeOptions.table.options,
    ].flatMap { $0 }

    let command: WeirCommand

    /// Whether it is to print help, the addons' options with it.
    let showsHelp: Bool

    /// Whether the run is for what it prints about itself.
    private var isListing: Bool { showsHelp || command.options || command.commands }

    init(_ command: WeirCommand, showsHelp: Bool = false) {
        self.command = command
        self.showsHelp = showsHelp
    }

    /// Why the program cannot start: the exit status and a line for people.
    struct Refusal: Error {
        let status: Int32
        let text: String
    }

    /// Runs until a signal; the result is the exit status.
    func run() async -> Int32 {
        Posture.harden()
        Descriptors.raise()
        do throws(Refusal) {
            try await serve(try environment())
            return 0
        } catch {
            Terminal.write("weir: \(error.text)\n", to: STDERR_FILENO)
            return error.status
        }
    }

    private func serve(_ environment: ServiceEnvironment) async throws(Refusal) {
        let signals = Signals()
        let options = try options()
        let settings = options.settings
        let modes = try modes(settings, environment.descriptors)
        let addons = try addons(options)
        let printer = try printer(settings)
        let inheritance = try isListing ? Inheritance(environment) : inheritance(environment, modes, settings)
        let isSuccessor = environment.predecessor != nil
        let file = isListing ? nil : try file(settings, appends: isSuccessor)
        // What was read and sent once is not read and sent by each successor.
        let saved = isListing || isSuccessor ? nil : try savedFlows(settings)
        let replayed = try replayedFlows(isSuccessor ? Settings() : settings)
        let tap = TerminalLog.Tap()
        let level = Self.level(settings[TerminalOptions.table.verbosity])
        let (isQuiet, journal) = (command.quiet, environment.journal)
        let logger = Logger(label: "weir") { _ in TerminalLog(level: level, isQuiet: isQuiet, tap: tap, journal: journal) }

        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, settings[ProxyOptions.table.threads]))
        let loops = Array(group.makeIterator())
        let life = Life(environment, loops, logger)
        let rules = try rules(settings, logger)
        let archive = isListing ? nil : try archive(settings, logger)
        defer { archive?.finish() }
        let takers: [(any FlowRecorder)?] = [file, printer, archive]
        let dns = try dns(modes, settings)
        let registry = MetricRegistry()
        let status = ProxyStatus(version: Self.version)
        let services = try services(
            options, environment.credential("ca.pem"), dns, logger, FlowRecorders(takers.compactMap { $0 }), ProxyMeters(registry)
        )
        let host = AddonHost(
            loops: loops, hooks: Self.tables.hooks, options: options, logger: logger, flows: services.flows,
            counters: services.counters, meters: services.meters, status: status)
        let reload = Reload(command, options, host, logger)
        tap.connect { host.logged($0) }
        let port: @Sendable (any EventLoop) -> any HookPort = { rules.port(around: host.port(on: $0), on: $0) }
        let replay = ClientReplay(
            loop: loops[0], services: services, hooks: port(loops[0]), parts: Self.parts)
        let probes = Probes(settings, host, services, status, loops)
        do {
            // A successor's place is taken until its predecessor leaves it.
            if !isListing, inheritance.predecessor == nil { try await probes.open() }
            try Privileges.drop(settings)
            try await host.launch(addons)
            try options.settle(expectingMore: command.addonSocket != nil || inheritance.addons != nil)
            if isListing {
                Terminal.write(listing(options, host), to: STDOUT_FILENO)
                await host.abandon()
                return
            }
            for name in options.waiting { logger.warning("option \(name): no addon has declared it yet") }
            try await host.start(
                attachedSocket: inheritance.addonPath(command.addonSocket), opened: inheritance.addons?.number, replays: replay)
        } catch {
            await probes.close()
            await host.abandon()
            throw Refusal(status: error is OptionFailure ? 2 : 1, text: "\(error)")
        }
        let listener = Listener(
            group: group, services: services, datagramLayers: [RawUDPLayer.registration, dns.datagrams], port: port)
        await inheritance.predecessor?.takeOver()
        do throws(ListeningSockets.Failure) {
            var places: [String] = []
            for (mode, sockets) in zip(modes, inheritance.sockets) {
                let place = "\(try await listener.open(mode, sockets, settings))"
                status.listens(mode.description, at: place)
                places.append("\(mode) proxy listening at \(place)")
            }
            for place in places { logger.info("\(place)") }
            if inheritance.predecessor != nil {
                do throws(ProbeServer.Failure) { try await probes.open() } catch { logger.error("\(error)") }
            }
            Posture.closeOnExec()
            await host.running()
            status.phase = .running
            life.ready(places.joined(separator: "; "), inheritance.predecessor)
        } catch {
            await probes.close()
            await listener.close()
            await host.shutdown()
            throw Refusal(status: 1, text: error.description)
        }

        let succession = Succession(
            life: life, listener: listener, host: host, probes: probes, logger: logger, obstacle: Succession.obstacle(settings))
        let stage = SavedFlowStage(loop: loops[0], hooks: port(loops[0]))
        let trouble = await signals.meanwhile(
            endsAfterwards: !settings[FlowFileOptions.table.server],
            act: { number in
                if number == SIGUSR2 { return !(await succession.happens()) }
                await life.reloading { await reload.run() }
                return true
            },
            refuse: { logger.warning("\($0 == SIGUSR2 ? "upgrade" : "reload") refused: the proxy is stopping") }
        ) {
            let trouble = await saved?.run(stage, services, logger) { (flow) throws(FlowFileTrouble) in
                try file?.record(flow)
                printer.record(flow)
                archive?.record(flow, sizes: BodySizes())
            }
            return await replayed.run(replay, settings, logger) ?? trouble
        }
        if !succession.hasHappened { life.stopping() }
        status.phase = .draining
        logger.info("shutting down")
        await listener.close()
        try? await replay.stop().get()
        let patience = Duration.seconds(options.settings[ProxyOptions.table.drainTimeout])
        await listener.drain(patience, isReplaced: succession.hasHappened) { life.draining($0) }
        for flow in services.flows.all {
            // On the flow's loop, where it cannot end meanwhile and be written a second time.
            try? await flow.loop.submit { if flow.isLive { file?.recordActive(flow.anyFlow) } }.get()
        }
        await host.shutdown()
        await probes.close()
        life.ended()
        try? await group.shutdownGracefully()
        if let trouble { throw Refusal(status: 1, text: "\(trouble)") }
    }
}
