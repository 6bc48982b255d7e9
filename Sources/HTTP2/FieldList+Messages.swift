import FlowModel
import HTTPExchange
import ProxyKernel

extension FieldList {
    /// A response's fields. What concerns one HTTP/1 connection only has no place in HTTP/2 (RFC 9113 8.2.2).
    init(status: Int, _ headers: Headers) {
        self.init()
        append(":status", ByteString(String(status)))
        append(headers.withoutConnectionFields)
    }

    /// A request's fields, with the Host field as the authority.
    init(_ request: Request, isWebSocket: Bool) {
        self.init()
        var headers = request.headers
        let authority = request.hostHeader ?? request.hostField
        headers.remove("Host")
        append(":method", isWebSocket ? "CONNECT" : request.method)
        if isWebSocket {
            append(":protocol", "websocket")
            headers.remove("Sec-WebSocket-Key")
        }
        append(":scheme", request.scheme)
        append(":authority", authority)
        append(":path", request.path)
        append(headers.withoutConnectionFields)
    }
}

extension Headers {
    var withoutConnectionFields: Headers {
        guard indices.contains(where: { withLine(at: $0) { name, _ in name.isConnectionField } }) else { return self }
        var headers = self
        HopByHop.strip(&headers)
        headers.remove("Connection")
        headers.remove("Transfer-Encoding")
        return headers
    }

    /// Makes Content-Length fit the body that follows; a message without one that describes a body keeps its word.
    mutating func frame(_ length: BodyLength, hasBody: Bool, describesBody: Bool) {
        switch length {
        case .exact(let count) where hasBody || describesBody:
            let value = ByteString(String(count))
            if values("Content-Length") != [value] { set("Content-Length", value) }
        case .unknown: remove("Content-Length")
        default: if !describesBody, contains("Content-Length"), values("Content-Length") != ["0"] { remove("Content-Length") }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a field of that name may concern one connection only: a message without any is as it should be.
    fileprivate var isConnectionField: Bool {
        switch count {
        case 2: equalsIgnoringCase("te")
        case 7: equalsIgnoringCase("upgrade")
        case 10: equalsIgnoringCase("connection") || equalsIgnoringCase("keep-alive")
        case 16: equalsIgnoringCase("proxy-connection")
        case 17: equalsIgnoringCase("transfer-encoding")
        default: false
        }
    }
}
