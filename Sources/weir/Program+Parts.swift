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
import Schema
import Systemd
import TLSEngine

/// The parts of the program, each made from its settings or refused with what is wrong with them.
extension Program {
    /// The configuration file's values, then those of the flags, then those of `--set`: later ones win.
    func options() throws(Refusal) -> OptionStore {
        let options = OptionStore(Self.options, scope: AddonOptions.scope)
        do throws(OptionFailure) {
            // The folder of the file is an option too, which only the command line can give.
            let given = command.givenOptions
            let folder = OptionStore(Self.options, scope: AddonOptions.scope)
            try folder.assign(given.filter { $0.name == ProxyOptions.table.confdir.name })
            let confdir = HomePath.expanded(folder.settings[ProxyOptions.table.confdir])
            try options.assign(try ConfigFile.load(directory: confdir) + given)
        } catch {
            throw Refusal(status: 2, text: "\(error)")
        }
        return options
    }

    /// What `--help`, `--options` or `--commands` prints, once the addons have said what they declare.
    func listing(_ options: OptionStore, _ host: AddonHost) -> String {
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

    func environment() throws(Refusal) -> ServiceEnvironment {
        do throws(ListenDescriptors.Failure) { return try ServiceEnvironment.take() } catch {
            throw Refusal(status: 2, text: error.description)
        }
    }

    func inheritance(
        _ environment: ServiceEnvironment, _ modes: [ModeSpec], _ settings: Settings
    ) throws(Refusal) -> Inheritance {
        let listening = settings[FlowFileOptions.table.server] ? modes : []
        do throws(ListeningSockets.Failure) { return try Inheritance(environment, listening, settings) } catch {
            throw Refusal(status: 1, text: error.description)
        }
    }

    /// Those that `descriptors` bring sockets for need no address of their own.
    func modes(_ settings: Settings, _ descriptors: ListenDescriptors) throws(Refusal) -> [ModeSpec] {
        var modes: [ModeSpec] = []
        for text in settings[ProxyOptions.table.mode] {
            do throws(ModeSpec.Failure) {
                modes.append(try ModeSpec(text))
            } catch {
                throw Refusal(status: 2, text: "\(error)")
            }
        }
        let (host, port) = (settings[ProxyOptions.table.listenHost], settings[ProxyOptions.table.listenPort])
        let binding = ListeningSockets.binding(modes, descriptors)
        if let (one, other, place) = ListenPlace.clash(of: binding, host: host, port: port) {
            throw Refusal(
                status: 2,
                text: "modes '\(one)' and '\(other)' would both listen on the same address, \(place.transport) port \(place.port)"
            )
        }
        return modes
    }

    func rules(_ settings: Settings, _ logger: Logger) throws(Refusal) -> RuleChain {
        do throws(OptionFailure) {
            return try RuleChain(settings, recorded: try recorded(settings, logger), logger: logger)
        } catch {
            throw Refusal(status: 2, text: "\(error)")
        }
    }

    /// The flows of `server_replay`'s files.
    func recorded(_ settings: Settings, _ logger: Logger) throws(OptionFailure) -> [HTTPFlow] {
        let option = RuleOptions.table.serverReplay
        var recorded: [HTTPFlow] = []
        for path in settings[option] {
            do throws(FlowFileTrouble) {
                let flows = try SavedFlows(path)
                while let flow = try flows.next() { if case .http(let flow) = flow { recorded.append(flow.value) } }
                if let note = flows.note { logger.warning("option \(option.name): \(note)") }
            } catch {
                throw OptionFailure("option \(option.name): \(error)")
            }
        }
        return recorded
    }

    /// Those of `--addon` and those of `addons.NAME.run`, in this order.
    func addons(_ options: OptionStore) throws(Refusal) -> [AddonSpec] {
        do throws(AddonFailure) {
            let hooks = Set(Self.tables.hooks.flatMap { [$0.name] + $0.aliases })
            var addons: [AddonSpec] = []
            for text in options.settings[AddonHostOptions.table.scripts] {
                addons.append(try AddonSpec.parse(text, hooks: hooks))
            }
            for name in options.subjects {
                let settings = options.settings(of: name)
                let known = addons.map(\.name)
                if let spec = try AddonSpec.named(name, settings, known: known, hooks: hooks) { addons.append(spec) }
            }
            return addons
        } catch {
            throw Refusal(status: 1, text: "\(error)")
        }
    }

    /// The option takes filters only that can be read.
    static func interception(_ settings: Settings) -> Interception? {
        guard let text = settings[ProxyOptions.table.intercept], settings[ProxyOptions.table.interceptActive],
            let filter = try? Filter(text)
        else { return nil }
        return Interception(needsContent: filter.needsRequestContent || filter.needsResponseContent) {
            filter.matches(FilteredFlow($0))
        }
    }

    func passthrough(_ settings: Settings) throws(Refusal) -> HostSelection? {
        do throws(OptionFailure) {
            return try HostSelection(settings)
        } catch {
            throw Refusal(status: 2, text: "\(error)")
        }
    }

    func printer(_ settings: Settings) throws(Refusal) -> FlowPrinter {
        let text = command.filter.isEmpty ? nil : command.filter.joined(separator: " ")
        return FlowPrinter(
            detail: command.quiet ? 0 : settings[TerminalOptions.table.flowDetail], isColoured: isatty(STDOUT_FILENO) == 1,
            admits: try filter(text, ""))
    }

    func archive(_ settings: Settings, _ logger: Logger) throws(Refusal) -> HARRecorder? {
        let path = settings[ArchiveOptions.table.hardump]
        do throws(HARFile.Failure) {
            return path.isEmpty ? nil : try HARRecorder(path: path, version: Self.version, logger: logger)
        } catch {
            throw Refusal(status: 1, text: "option hardump: \(error)")
        }
    }

    /// What flows the expression lets through: all, if there is none.
    func filter(_ text: String?, _ place: String) throws(Refusal) -> @Sendable (AnyFlow) -> Bool {
        guard let text else { return { _ in true } }
        do throws(FilterError) {
            let filter = try Filter(text)
            return { filter.matches(FilteredFlow($0)) }
        } catch {
            throw Refusal(status: 2, text: "\(place)\(error)")
        }
    }

    /// What writes flows to the file that `save_stream_file` names; `appends` if a predecessor writes to it as well.
    func file(_ settings: Settings, appends: Bool) throws(Refusal) -> FlowFileRecorder? {
        let options = FlowFileOptions.table
        let isWritten = try filter(settings[options.saveFilter], "option save_stream_filter: ")
        guard let path = settings[options.saveFile] else { return nil }
        if let source = settings[options.readFile], SavedFlowSource.isSame(source, path) {
            throw Refusal(status: 2, text: "\(source) cannot be read from and written to at a time")
        }
        do throws(FlowFileTrouble) {
            return FlowFileRecorder(try FlowFileWriter(appends && !path.hasPrefix("+") ? "+\(path)" : path), isWritten: isWritten)
        } catch {
            throw Refusal(status: 1, text: "\(error)")
        }
    }

    func savedFlows(_ settings: Settings) throws(Refusal) -> SavedFlowSource? {
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

    /// The files of `client_replay`, opened.
    func replayedFlows(_ settings: Settings) throws(Refusal) -> ReplayedFlows {
        do throws(FlowFileTrouble) {
            return try ReplayedFlows(settings[FlowFileOptions.table.clientReplay])
        } catch {
            throw Refusal(status: 1, text: "\(error)")
        }
    }

    func services(
        _ options: OptionStore, _ credential: String?, _ dns: DNSLayer, _ logger: Logger, _ recorder: FlowRecorders,
        _ meters: ProxyMeters
    ) throws(Refusal) -> Services {
        let settings = options.settings
        let passthrough = try passthrough(settings)
        do throws(TLSFailure) {
            let certificates = try Certificates(settings, credential: credential, logger)
            return Services(
                options: options, logger: logger, contexts: certificates.contexts, leaves: certificates.leaves,
                clientFacing: certificates.clientFacing, upstream: certificates.upstream,
                protocols: Self.protocols(settings) + [dns.streams],
                multiplex: HTTP2Layer.multiplex, openTunnel: HTTP1Layer.openTunnel,
                recorder: recorder, ownAddresses: OwnAddresses(), flows: flows(settings, logger), counters: Counters(),
                meters: meters, interception: Self.interception, passthrough: passthrough)
        } catch {
            throw Refusal(status: 1, text: error.reason)
        }
    }

    /// Mode `dns` needs somebody to ask.
    func dns(_ modes: [ModeSpec], _ settings: Settings) throws(Refusal) -> DNSLayer {
        let table = DNSOptions.table
        var servers = NameServers.of(option: settings[table.nameServers])
        guard let mode = modes.first(where: { $0.kind == .dns }) else { return DNSLayer(nameServers: servers, hosts: nil) }
        if servers.isEmpty { servers = NameServers.of(resolverConfiguration: Self.text(of: "/etc/resolv.conf")) }
        guard !servers.isEmpty else {
            throw Refusal(
                status: 2, text: "mode '\(mode)': /etc/resolv.conf names no server to ask; set option \(table.nameServers.name)")
        }
        return DNSLayer(nameServers: servers, hosts: settings[table.useHostsFile] ? HostsFile(Self.text(of: "/etc/hosts")) : nil)
    }

    /// Empty if there is no such file.
    private static func text(of path: String) -> String {
        (try? FileContents.read(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func flows(_ settings: Settings, _ logger: Logger) -> FlowRegistry {
        let options = ProxyOptions.table
        let (count, bytes) = (settings[options.storeFlows], settings[options.storeBytes])
        return FlowRegistry(maximumCount: count, maximumBytes: bytes) {
            guard count > 0 else { return }
            logger.info(
                "the store of ended flows is full (store_flows=\(count), store_bytes=\(bytes)): the oldest go from now on")
        }
    }

    static func level(_ word: String) -> Logger.Level {
        switch word {
        case "debug": .debug
        case "warn": .warning
        case "error": .error
        default: .info
        }
    }
}
