import NIOCore
import NIOEmbedded
import Observability
import Testing

@testable import Control

@Suite struct ProbeConnectionTests {
    private static let question = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    private func channel(
        obstacles: @escaping @Sendable (any EventLoop) -> EventLoopFuture<[String]> = { $0.makeSucceededFuture([]) }
    ) throws -> EmbeddedChannel {
        let sources = ProbeSources(
            registry: MetricRegistry(), loops: [], measure: { $0.makeSucceededVoidFuture() }, families: { [] },
            obstacles: obstacles)
        let channel = EmbeddedChannel(handler: ProbeConnection(sources, isLocal: false))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private func answer(_ channel: EmbeddedChannel) throws -> String {
        channel.embeddedEventLoop.run()
        return try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) } ?? ""
    }

    @Test("a request that does not come in five seconds ends the connection, however much of it did")
    func slowRequest() throws {
        let channel = try channel()
        for byte in Self.question.utf8.dropLast().prefix(5) {
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(900))
            try channel.writeInbound(ByteBuffer(bytes: [byte]))
        }
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(600))
        #expect(!channel.isActive)
    }

    @Test("between two requests there is more time, which the first byte of the next one ends")
    func idleness() throws {
        let channel = try channel()
        try channel.writeInbound(ByteBuffer(string: Self.question))
        #expect(try answer(channel).hasPrefix("HTTP/1.1 200 OK\r\n"))
        channel.embeddedEventLoop.advanceTime(by: .seconds(100))
        #expect(channel.isActive)
        try channel.writeInbound(ByteBuffer(string: "G"))
        channel.embeddedEventLoop.advanceTime(by: .seconds(6))
        #expect(!channel.isActive)
    }

    @Test("an answer that is not made in ten seconds is 503")
    func lateAnswer() throws {
        let channel = try channel { $0.makePromise(of: [String].self).futureResult }
        try channel.writeInbound(ByteBuffer(string: "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        #expect(try answer(channel).isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .seconds(11))
        #expect(try answer(channel).hasPrefix("HTTP/1.1 503 "))
    }

    @Test("obstacles are told, one a line")
    func obstacles() throws {
        let channel = try channel { $0.makeSucceededFuture(["one", "two"]) }
        try channel.writeInbound(ByteBuffer(string: "GET /readyz HTTP/1.0\r\n\r\n"))
        let text = try answer(channel)
        #expect(text.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(text.hasSuffix("\r\n\r\none\ntwo\n"))
        #expect(!channel.isActive)
    }

    @Test("a request split anywhere is answered", arguments: [1, 2, 7, 20])
    func pieces(_ size: Int) throws {
        let channel = try channel()
        var rest = ByteBuffer(string: Self.question)
        while let piece = rest.readSlice(length: min(size, rest.readableBytes)), piece.readableBytes > 0 {
            try channel.writeInbound(piece)
        }
        #expect(try answer(channel).hasSuffix("\r\n\r\nalive\n"))
    }
}

@Suite struct ProbeAddressTests {
    @Test(
        "loopback addresses with a port and sockets are taken",
        arguments: [
            ("127.0.0.1:80", "http://127.0.0.1:80"), ("[::1]:0", "http://[::1]:0"), ("localhost:9464", "http://127.0.0.1:9464"),
            ("unix:/a/b", "unix:/a/b"),
        ])
    func taken(_ text: String, _ expected: String) { #expect(ProbeAddress(text)?.description == expected) }

    @Test(
        "others are not",
        arguments: [
            "", ":80", "0.0.0.0:80", "10.0.0.1:80", "[::]:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "unix:", "name:80",
        ])
    func refused(_ text: String) { #expect(ProbeAddress(text) == nil) }
}
