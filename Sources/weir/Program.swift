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
import ProxyKernel
import RawTCP
import RawUDP
import Rules
import SOCKS
import Schema
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
        options: options, calls: CoreCall.table.map { ($0.method, $0.params, $0.doc) })
    static let options = [
        ProxyOptions.table.options, RuleOptions.table.options, AddonHostOptions.table.options, AddonOptions.table.options,
        TerminalOptions.table.options,
        ArchiveOptions.table.options, FlowFileOptions.table.options, WebSocketOptions.table.options, DNSOptions.table.options,
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
        signal(SIGPIPE, SIG_IGN)
        // A file that may not grow any more is a failed write.
        signal(SIGXFSZ, SIG_IGN)
        Descriptors.raise()
        do throws(Refusal) {
            try await serve()
            return 0
        } catch {
            Terminal.write("weir: \(error.text)\n", to: STDERR_FILENO)
            return error.status
        }
    }

    private func serve() async throws(Refusal) {
        let signals = Signals()
        let options = try options()
        let settings = options.settings
        let modes = try modes(settings)
        let addons = try addons(options)
        let printer = try printer(settings)
        let file = isListing ? nil : try file(settings)
        let saved = isListing ? nil : try savedFlows(settings)
        let replayed = try replayedFlows(settings)
        let tap = TerminalLog.Tap()
        let level = Self.level(settings[TerminalOptions.table.verbosity])
        let isQuiet = command.quiet
        let logger = Logger(label: "weir") { _ in TerminalLog(level: level, isQuiet: isQuiet, tap: tap) }

        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, settings[ProxyOptions.table.threads]))
        let loops = Array(group.makeIterator())
        let rules = try rules(settings, logger)
        let archive = isListing ? nil : try archive(settings, logger)
        defer { archive?.finish() }
        let takers: [(any FlowRecorder)?] = [file, printer, archive]
        let dns = try dns(modes, settings)
        let services = try services(options, dns, logger, FlowRecorders(takers.compactMap { $0 }))
        let host = AddonHost(
            loops: loops, hooks: Self.tables.hooks, options: options, logger: logger, flows: services.flows,
            counters: services.counters)
        tap.connect { host.logged($0) }
        let port: @Sendable (any EventLoop) -> any HookPort = { rules.port(around: host.port(on: $0), on: $0) }
        let replay = ClientReplay(
            loop: loops[0], services: services, hooks: port(loops[0]), parts: Self.parts)
        do {
            try await host.launch(addons)
            try options.settle(expectingMore: command.addonSocket != nil)
            if isListing {
                Terminal.write(listing(options, host), to: STDOUT_FILENO)
                await host.abandon()
                return
            }
            for name in options.waiting { logger.warning("option \(name): no addon has declared it yet") }
            try await host.start(attachedSocket: command.addonSocket, replays: replay)
        } catch {
            await host.abandon()
            throw Refusal(status: error is OptionFailure ? 2 : 1, text: "\(error)")
        }
        let listener = Listener(
            group: group, services: services, datagramLayers: [RawUDPLayer.registration, dns.datagrams], port: port)
        do {
            var addresses: [Address] = []
            for mode in modes where settings[FlowFileOptions.table.server] {
                addresses.append(try await listener.open(mode, settings: settings))
            }
            for (mode, address) in zip(modes, addresses) { logger.info("\(mode) proxy listening at \(address)") }
        } catch {
            await listener.close()
            await host.shutdown()
            throw Refusal(status: 1, text: "\(error)")
        }
        await host.running()

        let stage = SavedFlowStage(loop: loops[0], hooks: port(loops[0]))
        let trouble = await signals.meanwhile(endsAfterwards: !settings[FlowFileOptions.table.server]) {
            let trouble = await saved?.run(stage, services, logger) { (flow) throws(FlowFileTrouble) in
                try file?.record(flow)
                printer.record(flow)
                archive?.record(flow, sizes: BodySizes())
            }
            return await replayed.run(replay, settings, logger) ?? trouble
        }
        logger.info("shutting down")
        await listener.close()
        try? await replay.stop().get()
        await listener.drain()
        for flow in services.flows.all {
            // On the flow's loop, where it cannot end meanwhile and be written a second time.
            try? await flow.loop.submit { if flow.isLive { file?.recordActive(flow.anyFlow) } }.get()
        }
        await host.shutdown()
        try? await group.shutdownGracefully()
        if let trouble { throw Refusal(status: 1, text: "\(trouble)") }
    }
}
