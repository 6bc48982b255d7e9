import FlowModel
import Schema

extension HAREncoder {
    static func write(_ request: Request, to writer: inout JSONWriter) {
        let body = MessageBody(request.content, request.headers)
        let cookies = request.headers.values("Cookie").flatMap { Cookies.pairs($0.text) }
        writer.beginObject()
        writer.member("method", request.method.text)
        writer.member("url", request.method == "CONNECT" ? "https://\(request.prettyURL)/" : request.prettyURL)
        writer.member("httpVersion", request.httpVersion.text)
        writer.members("cookies", cookies)
        writer.members("headers", request.headers.map { ($0.name.text, $0.value.text) })
        writer.members("queryString", FormPairs.query(ofPath: request.path.text))
        let line = request.method.bytes.count + request.path.bytes.count + request.httpVersion.bytes.count + 4
        writer.member("headersSize", request.headers.wireSize + line)
        writer.member("bodySize", body.decoded?.count ?? body.rawSize ?? -1)
        if ["POST", "PUT", "PATCH"].contains(request.method.text) || (body.rawSize ?? 0) > 0 {
            writer.key("postData")
            writePostData(request, body, to: &writer)
        }
        writer.endObject()
    }

    private static func writePostData(_ request: Request, _ body: MessageBody, to writer: inout JSONWriter) {
        let mimeType = request.headers.folded("Content-Type")
        let text = body.text
        writer.beginObject()
        writer.member("mimeType", mimeType)
        write(body, as: text, to: &writer)
        let isForm = mimeType.lowercased().contains("application/x-www-form-urlencoded")
        writer.members("params", isForm ? FormPairs.parse(text ?? "") : [])
        writer.endObject()
    }

    static func write(_ response: Response, to writer: inout JSONWriter) {
        let body = MessageBody(response.content, response.headers)
        let size = body.rawSize ?? -1
        writer.beginObject()
        writer.member("status", response.statusCode)
        writer.member("statusText", CharacterSet.latin1(response.reason.bytes))
        writer.member("httpVersion", response.httpVersion.text)
        writeCookies(response.headers, to: &writer)
        writer.members("headers", response.headers.map { ($0.name.text, $0.value.text) })
        writer.key("content")
        writer.beginObject()
        writer.member("size", size)
        if let raw = body.raw, let decoded = body.decoded { writer.member("compression", decoded.count - raw.count) }
        writer.member("mimeType", response.headers.folded("Content-Type"))
        write(body, as: body.isMostlyBinary ? nil : body.text, to: &writer)
        writer.endObject()
        writer.member("redirectURL", response.headers.folded("Location"))
        let line = response.httpVersion.bytes.count + response.reason.bytes.count + 7
        writer.member("headersSize", response.headers.wireSize + line)
        writer.member("bodySize", size)
        writer.endObject()
    }

    static func writeNoResponse(_ error: FlowError?, to writer: inout JSONWriter) {
        writer.value([
            "status": 0, "statusText": "", "httpVersion": "", "headers": [], "cookies": [], "content": [:], "redirectURL": "",
            "headersSize": -1, "bodySize": -1, "_transferSize": 0, "_error": error.map { .string($0.message) } ?? .null,
        ])
    }

    /// The members that hold a body, base 64 without a text; none for one that was not kept.
    private static func write(_ body: MessageBody, as text: String?, to writer: inout JSONWriter) {
        guard let decoded = body.decoded else {
            writer.member("comment", body.isTooLong ? "the body is too long for an archive" : "the body was not kept")
            return
        }
        if let text {
            writer.member("text", text)
        } else {
            var coded: [UInt8] = []
            decoded.withUnsafeBytes { Base64.encode($0, into: &coded) }
            writer.member("text", String(decoding: coded, as: UTF8.self))
            writer.member("encoding", "base64")
        }
    }

    private static func writeCookies(_ headers: Headers, to writer: inout JSONWriter) {
        writer.key("cookies")
        writer.beginArray()
        for cookie in headers.values("Set-Cookie").flatMap({ Cookies.settings($0.text) }) {
            writer.beginObject()
            writer.member("name", cookie.name)
            writer.key("value")
            cookie.value.write(to: &writer)
            for (name, absent) in [("path", "/"), ("domain", "")] {
                writer.key(name)
                (cookie.has(name) ? cookie[name] : absent).write(to: &writer)
            }
            writer.key("httpOnly")
            writer.bool(cookie.has("httponly"))
            writer.key("secure")
            writer.bool(cookie.has("secure"))
            if cookie.has("samesite") {
                writer.key("sameSite")
                cookie["samesite"].write(to: &writer)
            }
            writer.endObject()
        }
        writer.endArray()
    }
}

extension Headers {
    /// Bytes of the lines and of the empty line behind them.
    fileprivate var wireSize: Int {
        indices.reduce(2) { size, index in size + withLine(at: index) { $0.count + $1.count + 4 } }
    }
}

extension JSONWriter {
    mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    mutating func member(_ name: String, _ value: Int) {
        key(name)
        int(value)
    }

    /// An array of objects with `name` and `value`.
    mutating func members(_ name: String, _ pairs: [(name: String, value: String)]) {
        key(name)
        beginArray()
        for pair in pairs {
            beginObject()
            member("name", pair.name)
            member("value", pair.value)
            endObject()
        }
        endArray()
    }
}
