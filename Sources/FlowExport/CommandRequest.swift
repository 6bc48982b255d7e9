import FlowModel

/// A request as commands send it: without content codings and without the fields that the command makes by itself.
struct CommandRequest {
    let request: Request
    let headers: [(name: [UInt8], value: [UInt8])]
    /// Empty if there is none.
    let body: [UInt8]

    init(_ flow: HTTPFlow) throws(ExportFormat.Failure) {
        request = flow.request
        guard !request.method.isEmpty else { throw .init("the flow's request could not be read") }
        guard request.method != "CONNECT" else { throw .init("a CONNECT is no request that a command could send") }
        let message = MessageBody(request.content, request.headers)
        guard let decoded = message.decoded else { throw .unkept("the request's body was") }
        body = decoded
        var removed: Set = ["content-length"]
        if message.isDecoded { removed.insert("content-encoding") }
        if request.headers.folded("Host") == request.host { removed.insert("host") }
        headers = request.headers.compactMap {
            removed.contains($0.name.text.lowercased()) ? nil : ($0.name.bytes, $0.value.bytes)
        }
    }

    /// True if the body can stand on a command line: text without control characters.
    var hasPlainBody: Bool {
        ByteString(body).utf8 != nil && body.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}
