import Codings
import FlowModel
import NIOCore
import Schema

extension HARDecoder {
    static func request(_ source: HARMember, _ url: HARURL) throws(HARFailure) -> Request {
        var request = Request()
        let method = try source.required("method").string()
        guard Headers.isName(ByteString(method)) else {
            throw HARFailure("\(source.path).method: '\(method.prefix(40))' is not a method (RFC 9110 9.1)")
        }
        request.method = ByteString(method)
        (request.scheme, request.host, request.port) = (ByteString(url.scheme), url.host, url.port)
        request.path = ByteString(url.path)
        request.httpVersion = try version(source)
        let (headers, authority) = try headers(source)
        request.headers = headers
        if let authority, request.httpVersion == "HTTP/2.0" || request.httpVersion == "HTTP/3" {
            request.authority = ByteString(authority)
        }
        if method == "CONNECT" {
            request.authority = ByteString(Address(host: url.host, port: url.port).description)
            request.path = ""
        }
        request.content = .bytes(ByteBuffer())
        guard let data = source["postData"] else { return request }
        let body = try requestBody(data, contentType: headers.folded("Content-Type"))
        request.content = encoded(body, &request.headers)
        if !body.isEmpty || headers.contains("Content-Length"), !headers.contains("Transfer-Encoding") {
            request.headers.set("Content-Length", ByteString(String(request.content.buffer?.readableBytes ?? 0)))
        }
        return request
    }

    private static func requestBody(_ data: HARMember, contentType: String) throws(HARFailure) -> [UInt8] {
        if let text = data["text"] {
            if let encoding = data["encoding"], try encoding.string() == "base64" { return try base64(text) }
            return MessageBody.octets(try text.string(), contentType: contentType)
        }
        // Firefox and Safari may give the parameters of a form alone.
        guard let params = data["params"] else { return [] }
        var pairs: [(String, String)] = []
        for param in try params.elements() {
            pairs.append((try param.required("name").string(), try param["value"]?.string() ?? ""))
        }
        return Array(FormPairs.text(pairs).utf8)
    }

    /// Nil if there was no response: then the status is 0 or absent.
    static func response(_ source: HARMember) throws(HARFailure) -> Response? {
        guard let status = source["status"] else { return nil }
        guard let code = Int(exactly: try status.number()), (100...999).contains(code) else { return nil }
        var response = Response()
        response.statusCode = code
        response.httpVersion = try version(source)
        response.reason = try reason(source, code)
        response.headers = try headers(source).headers
        response.content = try content(source, &response.headers)
        return response
    }

    private static func reason(_ source: HARMember, _ code: Int) throws(HARFailure) -> ByteString {
        let text = try source["statusText"]?.string() ?? ""
        // Reasons are Latin-1 where they are anything but ASCII.
        let octets = CharacterSet("latin-1").encode(text) ?? Array(text.utf8)
        return ByteString(octets.allSatisfy(\.isFieldValueCharacter) ? octets : [])
    }

    private static func content(_ source: HARMember, _ headers: inout Headers) throws(HARFailure) -> Content {
        let content = source["content"]
        guard let text = content?["text"] else {
            guard let size = try content?["size"]?.number(), size >= 1, let size = Int(exactly: size.rounded()) else {
                return .bytes(ByteBuffer())
            }
            return .omitted(size)
        }
        let encoding = try content?["encoding"]?.string() ?? ""
        if encoding == "base64" { return encoded(try base64(text), &headers) }
        let plain = try text.string()
        let octets = encoding.isEmpty ? nil : CharacterSet(encoding).encode(plain)
        return encoded(octets ?? MessageBody.octets(plain, contentType: headers.folded("Content-Type")), &headers)
    }

    /// The body with the content codings that its header names, as it stood on the wire; without the name of one that is not known.
    private static func encoded(_ body: [UInt8], _ headers: inout Headers) -> Content {
        do throws(CodingFailure) {
            let stack = try ContentCoding.stack(headers.folded("Content-Encoding"))
            guard !stack.isEmpty, !body.isEmpty else { return .bytes(ByteBuffer(bytes: body)) }
            let coded = try ContentEncoder.encode(body, codings: stack)
            if headers.contains("Content-Length") { headers.set("Content-Length", ByteString(String(coded.count))) }
            return .bytes(ByteBuffer(bytes: coded))
        } catch {
            headers.remove("Content-Encoding")
            return .bytes(ByteBuffer(bytes: body))
        }
    }

    private static func base64(_ text: HARMember) throws(HARFailure) -> [UInt8] {
        let plain = try text.string().filter { !$0.isWhitespace }
        guard let octets = Base64.decode(plain) else { throw HARFailure("\(text.path): it is not base 64") }
        return octets
    }

    /// The version by the name that flows have; browsers have several for one.
    private static func version(_ source: HARMember) throws(HARFailure) -> ByteString {
        switch try source["httpVersion"]?.string().lowercased() ?? "" {
        case "h2", "http/2", "http/2.0": "HTTP/2.0"
        case "h3", "http/3", "http/3.0": "HTTP/3"
        case "http/1.0": "HTTP/1.0"
        default: "HTTP/1.1"
        }
    }

    /// The header section, and the `:authority` that some archives have in it.
    private static func headers(_ source: HARMember) throws(HARFailure) -> (headers: Headers, authority: String?) {
        var headers = Headers()
        var authority: String?
        for element in try source["headers"]?.elements() ?? [] {
            let (name, value) = try pair(element)
            if name.hasPrefix(":") {
                if name == ":authority" { authority = value }
                continue
            }
            guard Headers.isName(ByteString(name)) else {
                throw HARFailure("\(element.path): '\(name.prefix(40))' is not a field name (RFC 9110 5.1)")
            }
            // Browsers join the values of fields that cannot be joined with commas by line feeds.
            for line in value.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
                let octets = ByteString(String(line.trimmed))
                guard Headers.isValue(octets) else {
                    throw HARFailure("\(element.path): a control character in the value of '\(name)'")
                }
                headers.append(name: ByteString(name), value: octets)
            }
        }
        return (headers, authority)
    }

    /// `{"name": …, "value": …}`, or `[name, value]` as Slack has it.
    private static func pair(_ element: HARMember) throws(HARFailure) -> (name: String, value: String) {
        if element.json.array != nil {
            let parts = try element.elements()
            guard parts.count == 2 else { throw element.expected("a [name, value] pair") }
            return (try parts[0].string(), try parts[1].string())
        }
        guard element.json.object != nil else { throw element.expected("an object with name and value, or a pair") }
        return (try element.required("name").string(), try element["value"]?.string() ?? "")
    }
}
