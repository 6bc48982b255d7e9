import FlowModel

/// The request as a command of curl, quoted as mitmproxy does it.
///
/// Where mitmproxy's command would send something else, this one differs: a body that is not plain text is piped in octet for octet, one
/// that begins with `@` is sent rather than a file of that name, `HEAD` waits for no body, and a `GET` with a body stays one. curl
/// adds `User-Agent`, `Accept` and a body's `Content-Type` where the request had none.
enum CurlCommand {
    static func text(of flow: HTTPFlow, keepsAddress: Bool) throws(ExportFormat.Failure) -> [UInt8] {
        let command = try CommandRequest(flow)
        let request = command.request
        var words: [[UInt8]] = [Array("curl".utf8)]
        if keepsAddress, let address = flow.server.value.peername?.host, address != request.prettyHost {
            words += ["--resolve", "\(request.prettyHost):\(request.port):[\(address)]"].map { Array($0.utf8) }
        }
        for (name, value) in command.headers {
            if ByteString(name).equalsIgnoringCase("accept-encoding") {
                words.append(Array("--compressed".utf8))
            } else {
                // curl drops a field without a value; with a semicolon it sends one.
                words += [Array("-H".utf8), value.isEmpty ? name + [UInt8(ascii: ";")] : name + Array(": ".utf8) + value]
            }
        }
        if request.method == "HEAD", command.body.isEmpty {
            words.append(Array("--head".utf8))
        } else if request.method != "GET" || !command.body.isEmpty {
            words += [Array("-X".utf8), request.method.bytes]
        }
        words.append(Array(request.prettyURL.utf8))
        if command.body.isEmpty { return ShellWord.joined(words) }
        if command.hasPlainBody {
            let option = command.body.first == UInt8(ascii: "@") ? "--data-raw" : "-d"
            return ShellWord.joined(words + [Array(option.utf8), command.body])
        }
        words += ["--data-binary", "@-"].map { Array($0.utf8) }
        return ShellWord.printing(command.body) + Array(" | ".utf8) + ShellWord.joined(words)
    }
}
