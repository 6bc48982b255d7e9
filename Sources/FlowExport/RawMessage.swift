import FlowModel

/// A message as HTTP/1 has it, without its content codings so that it can be read.
///
/// A body whose codings were undone has `Content-Length` for what is shown. A chunked body is one chunk.
enum RawMessage {
    static func bytes(of request: Request) throws(ExportFormat.Failure) -> [UInt8] {
        guard !request.method.isEmpty else { throw .init("the flow's request could not be read") }
        var line = request.method.bytes + [0x20]
        if request.method == "CONNECT" {
            line += request.authority.bytes
        } else if request.authority.isEmpty {
            line += request.path.bytes
        } else {
            line += request.scheme.bytes + Array("://".utf8) + request.authority.bytes + request.path.bytes
        }
        line += [0x20] + request.httpVersion.bytes
        return try message(line, request.headers, request.content, request.trailers, "request")
    }

    static func bytes(of response: Response) throws(ExportFormat.Failure) -> [UInt8] {
        let line = response.httpVersion.bytes + Array(" \(response.statusCode) ".utf8) + response.reason.bytes
        return try message(line, response.headers, response.content, response.trailers, "response")
    }

    private static func message(
        _ line: [UInt8], _ headers: Headers, _ content: Content, _ trailers: Headers?, _ side: String
    ) throws(ExportFormat.Failure) -> [UInt8] {
        let body = MessageBody(content, headers)
        guard let decoded = body.decoded else { throw .unkept("the \(side)'s body was") }
        var headers = headers
        let isChunked = headers.folded("Transfer-Encoding").lowercased().contains("chunked")
        if body.isDecoded, headers.contains("Content-Encoding"), !decoded.isEmpty {
            headers.remove("Content-Encoding")
            if !headers.contains("Transfer-Encoding") { headers.set("Content-Length", ByteString(String(decoded.count))) }
        }
        let end: [UInt8] = [0x0D, 0x0A]
        var result = line + end + lines(headers) + end
        if isChunked {
            if !decoded.isEmpty { result += Array(String(decoded.count, radix: 16).utf8) + end + decoded + end }
            result += Array("0".utf8) + end + lines(trailers ?? Headers()) + end
        } else {
            guard trailers?.isEmpty ?? true else {
                throw .init("the \(side) has trailers, which HTTP/1 has in chunked messages only")
            }
            result += decoded
        }
        return result
    }

    private static func lines(_ headers: Headers) -> [UInt8] {
        headers.reduce(into: []) { $0 += $1.name.bytes + [0x3A, 0x20] + $1.value.bytes + [0x0D, 0x0A] }
    }
}
