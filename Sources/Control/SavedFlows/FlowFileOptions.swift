import Schema

/// The settings of flow files.
public struct FlowFileOptions: OptionTable {
    public let saveFile = Option<String?>(
        "save_stream_file", nil,
        "File that each flow is written to when it has ended, with its bodies, in mitmproxy's format. `+PATH` appends; codes of strftime begin a new file whenever their text changes."
    )
    public let saveFilter = Option<String?>("save_stream_filter", nil, "Filter: only flows that match are written.")
    public let readFile = Option<String?>(
        "rfile", nil,
        "File of flows that are read at the start, mitmproxy's or HAR; `-` is the standard input. Addons see each flow's events.")
    public let readFilter = Option<String?>("readfile_filter", nil, "Filter: only flows that match are read.")
    public let readIdentifier = Option<String?>("readfile_id", nil, "Id of a flow: only that one is read.")
    public let readConcurrency = Option<Int>(
        "readfile_concurrency", 16,
        "Flows of the file that addons are asked about at a time, at most. The order of what is written is that of the file.")
    public let clientReplay = Option<[String]>(
        "client_replay", [], "Files of flows whose requests are sent once more, as soon as Weir runs.")
    public let server = Option<Bool>(
        "server", true,
        "Whether to listen for clients. Without, the program ends when the flows of `rfile` have been read and those of `client_replay` sent."
    )

    public init() {}
    public static let table = FlowFileOptions()
}
