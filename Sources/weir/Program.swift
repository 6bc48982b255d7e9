import AddonHost
import Control
import FlowExport
import FlowFiles
import FlowModel
import Glibc
import HTTP1
import HTTPExchange
import Logging
import NIOCore
import NIOPosix
import ProxyKernel
import RawTCP
import Rules
import Schema
import TLSEngine

/// The composition root: builds the parts from the command line, starts them in order, and ends them in the reverse one.
struct Program {
    static let version = "0.1.0"
    static let protocols = [HTTP1Layer.registration, RawTCPLayer.registration]
    static let tables = ProtocolPages.Tables(
        hooks: [
            LifecycleHooks.table.hooks, ConnectionHooks.table.hooks, TLSHooks.table.hooks, LayerHooks.table.hooks,
            HTTPHooks.table.hooks, WebSocketHooks.table.hooks, TCPHooks.table.hooks, UDPHooks.table.hooks, DNSHooks.table.hooks,
        ].flatMap { $0 },
        options: options, calls: CoreCall.table.map { ($0.method, $0.params, $0.doc) })
    static let options = [
        ProxyOptions.table.options, RuleOptions.table.options, AddonOptions.table.options, TerminalOptions.table.options,
        ArchiveOptions.table.options,
        FlowFileOptions.table.options,
    ].flatMap { $0 }

    private let command: WeirCommand

    /// Whether it is to print help, the addons' options with it.
    private let showsHelp: Bool

    /// Whether the run is for what it prints about itself.
    private var isListing: Bool { showsHelp || command.options || command.commands }

    init(_ command: WeirCommand, showsHelp: Bool = false) {
        self.command = command
        self.showsHelp = showsHelp
    }

    /// Why the program cannot start: the exit status and a line for people.
    private struct Refusal: Error {
        let status: Int32
        let text: String
    }

    /// Runs until a signal; the result is the exit status.
    func run() async -> Int32 {
        signal(SIGPIPE, SIG_IGN)
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
        let addons = try addons(settings)
        let printer = try printer(settings)
        let file = isListing ? nil : try file(settings)
        let saved = isListing ? nil : try savedFlows(settings)
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
        let services = try services(options, logger, FlowRecorders(takers.compactMap { $0 }))
        let host = AddonHost(
            loops: loops, hooks: Self.tables.hooks, options: options, logger: logger, flows: services.flows)
        tap.connect { host.logged($0) }
        let replay = ClientReplay(
            loop: loops[0], services: services, hooks: rules.port(around: host.port(on: loops[0]), on: loops[0]),
            makeStream: HTTP1Layer.makeServerStream)
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
        let listener = Listener(group: group, services: services, port: { rules.port(around: host.port(on: $0), on: $0) })
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

        let stage = SavedFlowStage(loop: loops[0], hooks: host.port(on: loops[0]))
        let trouble = await signals.meanwhile(endsAfterwards: !settings[FlowFileOptions.table.server]) {
            await saved?.run(stage, services, logger) { (flow) throws(FlowFileTrouble) in
                try file?.record(flow)
                printer.record(flow)
                if case .http(let flow) = flow { archive?.record(flow, sizes: BodySizes()) }
            }
        }
        logger.info("shutting down")
        await listener.close()
        try? await replay.stop().get()
        await listener.drain()
        for flow in services.flows.all {
            if let active = try? await flow.loop.submit({ flow.isLive ? flow.flow : nil }).get() {
                file?.recordActive(active)
            }
        }
        await host.shutdown()
        try? await group.shutdownGracefully()
        if let trouble { throw Refusal(status: 1, text: "\(trouble)") }
    }

    /// The configuration file's values, then those of the flags, then those of `--set`: later ones win.
    private func options() throws(Refusal) -> OptionStore {
        let options = OptionStore(Self.options)
        do throws(OptionFailure) {
            // The folder of the file is an option too, which only the command line can give.
            let flags = OptionAssignment.grouped(command.flagAssignments, source: "command line")
            let sets = OptionAssignment.grouped(command.assignments, source: "--set")
            let folder = OptionStore(Self.options)
            try folder.assign((flags + sets).filter { $0.name == ProxyOptions.table.confdir.name })
            let confdir = Certificates.expanded(folder.settings[ProxyOptions.table.confdir])
            try options.assign(try ConfigFile.load(directory: confdir) + flags + sets)
        } catch {
            throw Refusal(status: 2, text: "\(error)")
        }
        return options
    }

    /// What `--help`, `--options` or `--commands` prints, once the addons have said what they declare.
    private func listing(_ options: OptionStore, _ host: AddonHost) -> String {
        if showsHelp {
            let declared = OptionListing.help(options.declared.map(\.option))
            return WeirCommand.helpMessage(columns: 110) + (declared.isEmpty ? "\n" : "\nOptions of the addons:\n\n\(declared)\n")
        }
        if command.options { return OptionListing.yaml(options.options, options.settings) }
        return host.offeredCommands.map { command in
            let signature = [command.name, command.arguments].filter { !$0.isEmpty }.joined(separator: " ")
            let result = command.result.isEmpty ? "" : " -> \(command.result)"
            return "\(command.help.isEmpty ? "" : "# \(command.help)\n")\(signature)\(result)\n"
        }.joined(separator: "\n")
    }

    private func modes(_ settings: Settings) throws(Refusal) -> [ModeSpec] {
        var modes: [ModeSpec] = []
        for text in settings[ProxyOptions.table.mode] {
            do throws(ModeSpec.Failure) {
                modes.append(try ModeSpec(text))
            } catch {
                throw Refusal(status: 2, text: "\(error)")
            }
        }
        return modes
    }

    private func rules(_ settings: Settings, _ logger: Logger) throws(Refusal) -> RuleChain {
        do throws(OptionFailure) {
            return try RuleChain(settings, recorded: try recorded(settings, logger), logger: logger)
        } catch {
            throw Refusal(status: 2, text: "\(error)")
        }
    }

    /// The flows of `server_replay`'s files.
    private func recorded(_ settings: Settings, _ logger: Logger) throws(OptionFailure) -> [HTTPFlow] {
        let option = RuleOptions.table.serverReplay
        var recorded: [HTTPFlow] = []
        for path in settings[option] {
            do throws(SavedFlows.Failure) {
                let flows = try SavedFlows(path)
                while let flow = try flows.next() { recorded.append(flow) }
                if let note = flows.note { logger.warning("option \(option.name): \(note)") }
            } catch {
                throw OptionFailure("option \(option.name): \(error)")
            }
        }
        return recorded
    }

    private func addons(_ settings: Settings) throws(Refusal) -> [AddonSpec] {
        var addons: [AddonSpec] = []
        for text in settings[AddonOptions.table.scripts] {
            do {
                addons.append(try AddonSpec.parse(text))
            } catch {
                throw Refusal(status: 1, text: "\(error)")
            }
        }
        return addons
    }

    /// The option takes filters only that can be read.
    private static func interception(_ settings: Settings) -> Interception? {
        guard let text = settings[ProxyOptions.table.intercept], settings[ProxyOptions.table.interceptActive],
            let filter = try? Filter(text)
        else { return nil }
        return Interception(needsContent: filter.needsRequestContent || filter.needsResponseContent) {
            filter.matches(FilteredFlow($0))
        }
    }

    private func passthrough(_ settings: Settings) throws(Refusal) -> HostSelection? {
        do throws(OptionFailure) {
            return try HostSelection(settings)
        } catch {
            throw Refusal(status: 2, text: "\(error)")
        }
    }

    private func printer(_ settings: Settings) throws(Refusal) -> FlowPrinter {
        let text = command.filter.isEmpty ? nil : command.filter.joined(separator: " ")
        let admits = command.quiet ? { @Sendable _ in false } : try filter(text, "")
        return FlowPrinter(
            detail: settings[TerminalOptions.table.flowDetail], isColoured: isatty(STDOUT_FILENO) == 1, admits: admits)
    }

    private func archive(_ settings: Settings, _ logger: Logger) throws(Refusal) -> HARRecorder? {
        let path = settings[ArchiveOptions.table.hardump]
        do throws(HARFile.Failure) {
            return path.isEmpty ? nil : try HARRecorder(path: path, version: Self.version, logger: logger)
        } catch {
            throw Refusal(status: 1, text: "option hardump: \(error)")
        }
    }

    /// What flows the expression lets through: all, if there is none.
    private func filter(_ text: String?, _ place: String) throws(Refusal) -> @Sendable (AnyFlow) -> Bool {
        guard let text else { return { _ in true } }
        do throws(FilterError) {
            let filter = try Filter(text)
            return { filter.matches(FilteredFlow($0)) }
        } catch {
            throw Refusal(status: 2, text: "\(place)\(error)")
        }
    }

    /// What writes flows to the file that `save_stream_file` names.
    private func file(_ settings: Settings) throws(Refusal) -> FlowFileRecorder? {
        let options = FlowFileOptions.table
        let isWritten = try filter(settings[options.saveFilter], "option save_stream_filter: ")
        guard let path = settings[options.saveFile] else { return nil }
        if let source = settings[options.readFile], SavedFlowSource.isSame(source, path) {
            throw Refusal(status: 2, text: "\(source) cannot be read from and written to at a time")
        }
        do throws(FlowFileTrouble) {
            return FlowFileRecorder(try FlowFileWriter(path), isWritten: isWritten)
        } catch {
            throw Refusal(status: 1, text: "\(error)")
        }
    }

    private func savedFlows(_ settings: Settings) throws(Refusal) -> SavedFlowSource? {
        let options = FlowFileOptions.table
        let admits = try filter(settings[options.readFilter], "option readfile_filter: ")
        guard let path = settings[options.readFile] else {
            guard settings[options.readIdentifier] == nil else {
                throw Refusal(status: 2, text: "-r FILE must say where the flow is")
            }
            return nil
        }
        do throws(FlowFileTrouble) { return try SavedFlowSource(path, settings, admits) } catch {
            throw Refusal(status: 1, text: "\(error)")
        }
    }

    private func services(_ options: OptionStore, _ logger: Logger, _ recorder: FlowRecorders) throws(Refusal) -> Services {
        let settings = options.settings
        let passthrough = try passthrough(settings)
        do throws(TLSFailure) {
            let certificates = try Certificates(settings)
            return Services(
                options: options, logger: logger, contexts: certificates.contexts, leaves: certificates.leaves,
                clientFacing: certificates.clientFacing, upstream: certificates.upstream, protocols: Self.protocols,
                recorder: recorder, ownAddresses: OwnAddresses(), flows: flows(settings, logger),
                interception: Self.interception, passthrough: passthrough)
        } catch {
            throw Refusal(status: 1, text: error.reason)
        }
    }

    private func flows(_ settings: Settings, _ logger: Logger) -> FlowRegistry {
        let options = ProxyOptions.table
        let (count, bytes) = (settings[options.storeFlows], settings[options.storeBytes])
        return FlowRegistry(maximumCount: count, maximumBytes: bytes) {
            guard count > 0 else { return }
            logger.info(
                "the store of ended flows is full (store_flows=\(count), store_bytes=\(bytes)): the oldest go from now on")
        }
    }

    private static func level(_ word: String) -> Logger.Level {
        switch word {
        case "debug": .debug
        case "warn": .warning
        case "error": .error
        default: .info
        }
    }
}
