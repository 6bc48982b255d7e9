import FlowModel
import HTTP1
import NIOCore
import Testing

@Suite("Parser and writer")
struct RoundTripTests {
    /// What the writer makes of everything that was heard.
    private func written(_ heard: [Heard]) -> [UInt8] {
        var buffer = ByteBuffer()
        var framing = Framing.none
        for event in heard {
            switch event {
            case .request(let head, let its):
                MessageWriter.write(head, into: &buffer)
                framing = its
            case .informational(let head):
                MessageWriter.write(head, into: &buffer)
            case .response(let head, let its):
                MessageWriter.write(head, into: &buffer)
                framing = its
            case .body(let bytes) where framing == .chunked:
                MessageWriter.writeChunk(ByteBuffer(bytes: bytes), into: &buffer)
            case .body(let bytes):
                buffer.writeBytes(bytes)
            case .end(let trailers) where framing == .chunked:
                MessageWriter.writeLastChunk(trailers: trailers, into: &buffer)
            case .end, .closed, .failed, .waiting:
                break
            }
        }
        return Array(buffer.readableBytesView)
    }

    @Test(
        "a good request comes out octet for octet",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "gEt /\u{80}\u{FF}%zz?# HTTP/1.0\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nhOsT:a\r\nX:  \t odd \t spacing\r\nEmpty:\r\nEmpty2: \r\nX: \u{80}\u{FF}\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nCONTENT-length: 003\r\n\r\n\0\r\nPUT / HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx",
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer-ENCODING: chunKED\r\n\r\n1f\r\n0123456789abcdef0123456789abcde\r\n0\r\nx-T: \u{E9}\r\n\r\n",
        ])
    func requests(input: String) {
        #expect(written(hearRequests(input)) == octets(input))
    }

    @Test(
        "a good response comes out octet for octet",
        arguments: [
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 100 \r\n\r\nHTTP/1.1 999 \u{FF} \r\nX:\u{80}\r\n\r\nuntil close",
            "HTTP/1.0 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
        ])
    func responses(input: String) {
        #expect(written(hearResponses(input)) == octets(input))
    }

    @Test(
        "chunk sizes are written in hexadecimal",
        arguments: [(1, "1"), (15, "f"), (16, "10"), (255, "ff"), (4096, "1000"), (.max, "7fffffffffffffff")])
    func chunkSizes(size: Int, text: String) {
        var buffer = ByteBuffer()
        MessageWriter.writeChunkStart(length: size, into: &buffer)
        #expect(String(buffer: buffer) == text + "\r\n")
    }

    @Test("an empty chunk is not written, since it would end the body")
    func emptyChunk() {
        var buffer = ByteBuffer()
        MessageWriter.writeChunk(ByteBuffer(), into: &buffer)
        #expect(buffer.readableBytes == 0)
    }

    @Test("a head that others made unfit is recognised")
    func unfitHeads() {
        #expect(RequestHead(method: "GET", target: "/", headers: ["A": "b"]).isFitForWire)
        #expect(!RequestHead(method: "G T", target: "/").isFitForWire)
        #expect(!RequestHead(method: "GET", target: "/ HTTP/1.1\r\nA: b").isFitForWire)
        #expect(!RequestHead(method: "GET", target: "").isFitForWire)
        #expect(!RequestHead(method: "GET", target: "/", headers: ["A": "b\r\nC: d"]).isFitForWire)
        #expect(!RequestHead(method: "GET", target: "/", headers: ["A:": "b"]).isFitForWire)
        #expect(ResponseHead(status: 200, headers: ["A": "b"]).isFitForWire)
        #expect(!ResponseHead(status: 1000).isFitForWire)
        #expect(!ResponseHead(status: 200, reason: "a\nb").isFitForWire)
    }
}
