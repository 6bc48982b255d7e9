import FlowModel

/// The request as a command of HTTPie, quoted as mitmproxy does it; a body that is not plain text is piped in octet for octet.
///
/// The shell adds a line feed to a plain body, which is mitmproxy's form and needs a shell that knows `<<<`.
enum HTTPieCommand {
    static func text(of flow: HTTPFlow) throws(ExportFormat.Failure) -> [UInt8] {
        let command = try CommandRequest(flow)
        let request = command.request
        var words = [Array("http".utf8), request.method.bytes, Array(request.prettyURL.utf8)]
        for (name, value) in command.headers {
            // HTTPie removes a field without a value; with a semicolon it sends one.
            words.append(value.isEmpty ? name + [UInt8(ascii: ";")] : name + Array(": ".utf8) + value)
        }
        let line = ShellWord.joined(words)
        if command.body.isEmpty { return line }
        if command.hasPlainBody { return line + Array(" <<< ".utf8) + ShellWord.quoted(command.body) }
        return ShellWord.printing(command.body) + Array(" | ".utf8) + line
    }
}
