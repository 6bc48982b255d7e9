import CNghttp2
import FlowModel
import HTTPExchange
import ProxyKernel
import Testing

@testable import HTTP2

struct FieldListTests {
    private func lines(_ list: FieldList) -> [String] {
        var list = list
        return list.withFields { fields, count in
            (0..<count).map { index in
                guard let field = fields?[index] else { return "" }
                let name = String(decoding: UnsafeBufferPointer(start: field.name, count: field.namelen), as: UTF8.self)
                let value = String(decoding: UnsafeBufferPointer(start: field.value, count: field.valuelen), as: UTF8.self)
                return "\(name): \(value)" + (field.flags & UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue) != 0 ? " (secret)" : "")
            }
        }
    }

    @Test("a request's Host is its authority, names are small, and nothing speaks of the connection")
    func request() {
        var request = Request()
        request.method = "POST"
        request.scheme = "https"
        request.path = "/x?y"
        request.headers = [
            "Host": "a.example:444", "Connection": "X-Hop, keep-alive", "X-Hop": "1", "Keep-Alive": "1",
            "TE": "trailers, gzip",
            "Transfer-Encoding": "chunked", "Accept": "*/*", "X-A": "1", "Accept": "b", "Authorization": "Basic x",
            "Cookie": "a=1",
        ]
        #expect(
            lines(FieldList(request, isWebSocket: false)) == [
                ":method: POST", ":scheme: https", ":authority: a.example:444", ":path: /x?y", "te: trailers", "accept: */*",
                "x-a: 1",
                "accept: b",
                "authorization: Basic x (secret)", "cookie: a=1 (secret)",
            ])
    }

    @Test("without Host the authority is the request's own, else what it is sent to")
    func authority() {
        var request = Request()
        (request.host, request.port, request.scheme) = ("b.example", 443, "https")
        #expect(lines(FieldList(request, isWebSocket: false))[2] == ":authority: b.example")
        (request.httpVersion, request.authority) = ("HTTP/2.0", "c.example")
        #expect(lines(FieldList(request, isWebSocket: false))[2] == ":authority: c.example")
    }

    @Test("a WebSocket's handshake becomes an extended CONNECT")
    func webSocket() {
        var request = Request()
        (request.host, request.port) = ("b.example", 80)
        request.headers = [
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13",
        ]
        #expect(
            lines(FieldList(request, isWebSocket: true)) == [
                ":method: CONNECT", ":protocol: websocket", ":scheme: http", ":authority: b.example", ":path: /",
                "sec-websocket-version: 13",
            ])
    }

    @Test(
        "Content-Length says how long the body is that follows",
        arguments: [
            ("5", BodyLength.exact(5), true, false, "5"), ("4", .exact(5), true, false, "5"), ("", .exact(5), true, false, "5"),
            ("4", .unknown, true, false, ""), ("4", .none, false, false, ""), ("0", .none, false, false, "0"),
            ("4", .none, false, true, "4"), ("", .none, false, true, ""),
        ])
    func framing(_ before: String, _ length: BodyLength, _ hasBody: Bool, _ describes: Bool, _ after: String) {
        var headers = Headers()
        if !before.isEmpty { headers.set("content-length", ByteString(before)) }
        headers.frame(length, hasBody: hasBody, describesBody: describes)
        #expect(headers.first("content-length")?.string ?? "" == after)
    }
}
