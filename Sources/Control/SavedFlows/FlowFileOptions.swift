import Schema

/// The settings of flow files.
package struct FlowFileOptions: OptionTable {
    package let saveFile = Option<String?>(
        "save_stream_file", nil,
        "File that each flow is written to when it has ended, with its bodies, in mitmproxy's format. `+PATH` appends; codes of strftime begin a new file whenever their text changes."
    )
    package let saveFilter = Option<String?>("save_stream_filter", nil, "Filter: only flows that match are written.")
    package let readFile = Option<String?>(
        "rfile", nil,
        "File of flows that are read at the start, mitmproxy's or HAR; `-` is the standard input. Addons see each flow's events.")
    package let readFilter = Option<String?>("readfile_filter", nil, "Filter: only flows that match are read.")
    package let readIdentifier = Option<String?>("readfile_id", nil, "Id of a flow: only that one is read.")
    package let readConcurrency = Option<Int>(
        "readfile_concurrency", 16,
        "Flows of the file that addons are asked about at a time, at most. The order of what is written is that of the file.")
    package let clientReplay = Option<[String]>(
        "client_replay", [], "Files of flows whose requests are sent once more, as soon as Weir runs.")
    package let server = Option<Bool>(
        "server", true,
        "Whether to listen for clients. Without, the program ends when the flows of `rfile` have been read and those of `client_replay` sent."
    )

    package init() {}
    package static let table = FlowFileOptions()
}
