import ArgumentParser
import Control
import FlowExport
import FlowModel
import Glibc

/// `weir flow export`: flows in the forms of other programs.
struct FlowExporting: ParsableCommand {
    static let formats = ExportFormat.allCases.map(\.rawValue) + ["har"]

    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Writes flows as \(formats.dropLast().joined(separator: ", ")) or har.",
        discussion: """
            curl and httpie write a command a line; raw, raw_request and raw_response one message as HTTP/1 has it, with its \
            content codings undone; har one archive of all flows, compressed if FILE ends with .zhar.
            """)

    @OptionGroup var place: FlowPlaceOptions
    @Option(name: .shortAndLong, help: "Write to this file instead of the standard output.")
    var output = "-"
    @Flag(help: "With curl: connect to the address that the flow went to (mitmproxy's export_preserve_original_ip).")
    var preserveOriginalIp = false
    @Argument(help: "\(formats.joined(separator: ", ")).")
    var format: String
    @Argument(help: "An id, the beginning of one, or a filter expression.")
    var which: [String]

    func validate() throws {
        if !Self.formats.contains(format) {
            throw ValidationError("there is no format '\(format)', only \(Self.formats.joined(separator: ", "))")
        }
    }

    func run() throws {
        let pick = try FlowPick(which)
        let flows = try place.open()
        guard let format = ExportFormat(rawValue: format) else { return try writeArchive(flows, pick) }
        var texts: [[UInt8]] = []
        try eachRequest(of: flows, pick) { (flow) throws(FlowFailure) in
            do throws(ExportFormat.Failure) {
                texts.append(try format.bytes(of: flow, keepsAddress: preserveOriginalIp))
            } catch {
                throw FlowFailure("flow \(flow.id): \(error)")
            }
        }
        let isCommand = format == .curl || format == .httpie
        guard isCommand || texts.count == 1 else {
            throw FlowFailure("\(texts.count) flows match, and \(format.rawValue) takes one")
        }
        try write(isCommand ? texts.flatMap { $0 + [0x0A] } : texts[0])
    }

    private func writeArchive(_ flows: any FlowPlace, _ pick: FlowPick) throws {
        // The file is made with the first flow, so that a wrong id empties none.
        var archive: HARFile?
        do {
            try eachRequest(of: flows, pick) { (flow) throws(FlowFailure) in
                do throws(HARFile.Failure) {
                    if archive == nil { archive = try HARFile(output, creatorVersion: Program.version) }
                    try archive?.add(flow)
                } catch {
                    throw FlowFailure("\(error)")
                }
            }
        } catch {
            // What a damaged file had before its damage is worth having.
            try? archive?.finish()
            throw error
        }
        do throws(HARFile.Failure) { try archive?.finish() } catch { throw FlowFailure("\(error)") }
    }

    /// The flows of HTTP: no other has a form to be exported in. That a flow which was named is none of them is a failure.
    private func eachRequest(
        of flows: any FlowPlace, _ pick: FlowPick, _ body: (HTTPFlow) throws(FlowFailure) -> Void
    ) throws(FlowFailure) {
        try flows.each(pick, content: true) { (flow) throws(FlowFailure) in
            if case .http(let flow) = flow { return try body(flow.value) }
            if case .id = pick {
                throw FlowFailure("flow \(flow.id) is one of \(flow.kind.rawValue.uppercased()), and only HTTP's are exported")
            }
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        if output == "-" {
            Terminal.write(bytes)
            return
        }
        let descriptor = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FlowFailure("'\(output)': \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        guard Terminal.write(bytes, to: descriptor) else { throw FlowFailure("'\(output)': \(String(cString: strerror(errno)))") }
    }
}
