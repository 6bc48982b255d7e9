import ArgumentParser
import Control
import Glibc

/// The command line.
@main
struct WeirCommand: ParsableCommand {
    @Option(name: [.customShort("p"), .long, .customLong("port")], help: "Port to listen on. (default: 8080)")
    var listenPort: String?
    @Option(help: "Address to listen on. (default: all)")
    var listenHost: String?
    @Option(name: .shortAndLong, help: "How clients reach the proxy; may be given several times. (default: regular)")
    var mode: [String] = []
    @Option(
        name: [.customShort("s"), .customLong("addon"), .customLong("scripts")],
        help:
            "An addon: a path, exec:COMMAND, stdio:COMMAND, unix:PATH or mitmproxy:PATH; may be given several times. (default: none)"
    )
    var addon: [String] = []
    @Option(help: "Processes of each addon that share its flows. (default: 1)")
    var addonWorkers: Int?
    @Option(
        name: [.customShort("S"), .long],
        help: "A file of flows whose responses are given to requests like theirs; may be given several times. (default: none)")
    var serverReplay: [String] = []
    @Option(
        name: [.customLong("tcp"), .customLong("tcp-hosts")],
        help: "A pattern: what goes to a matching host:port is raw TCP; may be given several times. (default: none)")
    var tcp: [String] = []
    @Option(help: "Socket for addons that connect by themselves. (default: none)")
    var addonSocket: String?
    @Option(name: .customLong("set"), help: "Sets an option, NAME=VALUE; may be given several times.")
    var assignments: [String] = []
    @Option(help: "Folder of the certificate authority. (default: ~/.weir)")
    var confdir: String?
    @Flag(name: .shortAndLong, help: "Print nothing but errors.")
    var quiet = false
    @Flag(name: .shortAndLong, help: "Log in more detail.")
    var verbose = false
    @Option(help: "How much of each flow is printed, 0 to 4. (default: 1)")
    var flowDetail: String?
    @Flag(help: "Print every option with its value, those of the addons too, as a configuration file; then exit.")
    var options = false
    @Flag(help: "Print the commands that the addons offer; then exit.")
    var commands = false
    @Option(
        name: [.customShort("r"), .customLong("rfile")],
        help: "File of flows to read at the start; - is the standard input. Addons see each flow's events. (default: none)")
    var readFile: String?
    @Option(
        name: [.customShort("C"), .long],
        help: "A file of flows whose requests are sent once more; may be given several times. (default: none)")
    var clientReplay: [String] = []
    @Option(
        name: [.customShort("w"), .customLong("save-stream-file")],
        help: "File to write flows to as they end, in mitmproxy's format; +PATH appends. (default: none)")
    var saveFile: String?
    @Flag(
        name: [.customShort("n"), .customLong("no-server")],
        help: "Do not listen: end when the flows of -r have been read and those of -C sent.")
    var withoutServer = false
    @Flag(help: "Print the version.")
    var version = false
    @Argument(help: "A filter expression: print only flows that match.")
    var filter: [String] = []

    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "weir", abstract: "An intercepting HTTP proxy whose addons are processes.",
            discussion:
                "weir flow … works on the flows of a running core or of a file: see weir flow --help. weir status and weir addons say how a running core and its addons stand, and weir addon … governs these. A filter expression that begins with one of these words is given as weir -- flow …\n\nOptions for --set, with their defaults:\n\n\(OptionListing.help(Program.options))"
        )
    }

    /// What the flags say, as assignments to options.
    var flagAssignments: [String] {
        var result: [String] = []
        if let listenPort { result.append("listen_port=\(listenPort)") }
        if let listenHost { result.append("listen_host=\(listenHost)") }
        result += mode.map { "mode=\($0)" }
        result += addon.map { "scripts=\($0)" }
        if let addonWorkers { result.append("addon_workers=\(addonWorkers)") }
        result += serverReplay.map { "server_replay=\($0)" }
        result += tcp.map { "tcp_hosts=\($0)" }
        if let confdir { result.append("confdir=\(confdir)") }
        if let flowDetail { result.append("flow_detail=\(flowDetail)") }
        if let readFile { result.append("rfile=\(readFile)") }
        result += clientReplay.map { "client_replay=\($0)" }
        if let saveFile { result.append("save_stream_file=\(saveFile)") }
        if withoutServer { result.append("server=false") }
        if verbose { result.append("termlog_verbosity=debug") }
        return result
    }

    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "protocol-schemas" { Glibc.exit(ProtocolPages.run(Array(arguments.dropFirst()), Program.tables)) }
        let expanded = FlowRun.rewritten(arguments) ?? arguments
        if expanded.first == "flow" { Glibc.exit(FlowCommand.execute(Array(arguments.dropFirst()))) }
        if let (transcript, rest) = AddonReplay.split(arguments) {
            guard let command = try? parse(rest) else {
                Terminal.write("weir: addon replay FILE takes the options of weir behind the file\n", to: STDERR_FILENO)
                Glibc.exit(2)
            }
            Glibc.exit(await AddonReplay(program: Program(command), transcript: transcript).run())
        }
        if expanded.first == "addon" { Glibc.exit(AddonCommand.execute(Array(arguments.dropFirst()))) }
        if arguments.first == "status" { Glibc.exit(StatusCommand.execute(Array(arguments.dropFirst()))) }
        if arguments.first == "addons" { Glibc.exit(AddonsCommand.execute(Array(arguments.dropFirst()))) }
        let command: WeirCommand
        do {
            command = try parse(expanded)
        } catch {
            let isHelp = exitCode(for: error) == .success
            if isHelp, let helped = try? parse(arguments.filter { $0 != "--help" && $0 != "-h" }), !helped.addon.isEmpty {
                Glibc.exit(await Program(helped, showsHelp: true).run())
            }
            let text = isHelp ? helpMessage(columns: 110) : "weir: \(message(for: error)) (weir --help lists every option)"
            Terminal.write(text + "\n", to: isHelp ? STDOUT_FILENO : STDERR_FILENO)
            Glibc.exit(isHelp ? 0 : 2)
        }
        if command.version {
            print("weir \(Program.version)")
            Glibc.exit(0)
        }
        Glibc.exit(await Program(command).run())
    }
}
