import COpenSSL
import NIOCore
import NIOEmbedded
import Testing

@testable import TLSEngine

@Suite struct TLSHandlerTests {
    /// What the delegate and the next handler were told, in order.
    final class Log: ChannelInboundHandler, TLSHandlerDelegate {
        typealias InboundIn = ByteBuffer

        var lines: [String] = []
        var failure: TLSFailure?
        var onEstablished: (() -> Void)?
        var onRead: ((String) -> Void)?

        func tlsEstablished(_ connection: TLSConnection) {
            lines.append("established")
            onEstablished?()
        }

        func tlsFailed(_ failure: TLSFailure) {
            lines.append("failed")
            self.failure = failure
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            lines.append("read \(text)")
            onRead?(text)
        }

        func channelReadComplete(context: ChannelHandlerContext) { lines.append("complete") }

        func channelInactive(context: ChannelHandlerContext) { lines.append("inactive") }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            lines.append(event as? ChannelEvent == .inputClosed ? "inputClosed" : "\(event)")
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { lines.append("error") }
    }

    /// Stands where the socket is: notes closes, and can keep writes and half closes from going through.
    final class Socket: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var closes: [CloseMode] = []
        var isStuck = false
        var stuck: [EventLoopPromise<Void>] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if isStuck, let promise {
                stuck.append(promise)
                context.write(data, promise: nil)
            } else {
                context.write(data, promise: promise)
            }
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            closes.append(mode)
            if mode == .all { context.close(mode: mode, promise: promise) } else { promise?.succeed() }
        }
    }

    /// One end: an embedded channel with the handler and the log behind it.
    final class End {
        let channel = EmbeddedChannel()
        let socket = Socket()
        let log = Log()
        let connection: TLSConnection
        let handler: TLSHandler

        init(_ connection: TLSConnection, isUp: Bool = true) throws {
            self.connection = connection
            handler = TLSHandler(connection: connection, delegate: log)
            if isUp { try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait() }
            try channel.pipeline.syncOperations.addHandlers([socket, handler, log])
        }

        /// Everything sent since the last call, by write.
        func sent() throws -> [ByteBuffer] {
            var writes: [ByteBuffer] = []
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) { writes.append(bytes) }
            return writes
        }

        func write(_ text: String) -> EventLoopFuture<Void> { channel.write(ByteBuffer(string: text)) }
    }

    let stage: Stage

    init() throws { stage = try Stage() }

    func ends(leaf: Leaf? = nil, facing: ClientFacingSettings = .init()) throws -> (client: End, server: End) {
        let dialogue = try stage.dialogue(leaf: leaf, facing: facing)
        return (try End(dialogue.client), try End(dialogue.server))
    }

    /// Carries bytes both ways until both sides are silent.
    func exchange(_ client: End, _ server: End) throws {
        for _ in 0..<10 {
            let toServer = try client.sent()
            for bytes in toServer { try server.channel.writeInbound(bytes) }
            let toClient = try server.sent()
            for bytes in toClient { try client.channel.writeInbound(bytes) }
            if toServer.isEmpty, toClient.isEmpty { return }
        }
    }

    @Test("both ends establish, once, and then exchange plaintext", arguments: [TLSVersion.tls12, .tls13])
    func established(version: TLSVersion) throws {
        let (client, server) = try ends(facing: .init(maxVersion: version))
        try exchange(client, server)
        #expect(client.log.lines == ["established"])
        #expect(server.log.lines == ["established"])
        client.channel.writeAndFlush(ByteBuffer(string: "ping"), promise: nil)
        try exchange(client, server)
        #expect(server.log.lines == ["established", "read ping", "complete"])
    }

    @Test("writes before the handshake ends are held, flushed or not, and come before those of the delegate")
    func held() throws {
        let (client, server) = try ends()
        let first = client.write("one ")
        client.channel.flush()
        let second = client.write("two ")
        #expect(!first.isKept)
        client.log.onEstablished = { client.channel.writeAndFlush(ByteBuffer(string: "three"), promise: nil) }
        try exchange(client, server)
        #expect(first.isKept && second.isKept)
        #expect(server.log.lines.filter { $0.hasPrefix("read") } == ["read one two three"])
    }

    @Test("one flush is one write, whatever was written before it, and all its promises are kept")
    func oneWrite() throws {
        let (client, server) = try ends()
        try exchange(client, server)
        let writes = (0..<20).map { _ in client.write(String(repeating: "x", count: 5000)) }
        let empty = client.write("")
        #expect(try client.sent().isEmpty)
        client.channel.flush()
        let sent = try client.sent()
        #expect(sent.count == 1)
        #expect(writes.allSatisfy { $0.isKept } && empty.isKept)
        try server.channel.writeInbound(sent[0])
        #expect(server.log.lines == ["established", "read " + String(repeating: "x", count: 100_000), "complete"])
    }

    @Test("what is small and flushed together shares a record", arguments: [(10, 1), (5000, 2)])
    func sharedRecord(size: Int, records: Int) throws {
        let (client, server) = try ends()
        try exchange(client, server)
        let writes = (0..<2).map { _ in client.write(String(repeating: "x", count: size)) }
        client.channel.flush()
        let sent = try client.sent()
        let flight = try #require(sent.first)
        var place = 0
        var count = 0
        while let length = flight.getInteger(at: place + 3, as: UInt16.self) {
            place += 5 + Int(length)
            count += 1
        }
        #expect(place == flight.readableBytes)
        #expect(count == records)
        #expect(writes.allSatisfy { $0.isKept })
    }

    @Test("an empty write alone keeps its promise")
    func emptyWrite() throws {
        let (client, server) = try ends()
        try exchange(client, server)
        let empty = client.write("")
        client.channel.flush()
        #expect(empty.isKept)
    }

    @Test("bytes may arrive one at a time")
    func trickle() throws {
        let (client, server) = try ends()
        client.write("trickle").whenFailure { Issue.record($0) }
        for _ in 0..<10 {
            for bytes in try client.sent() {
                for byte in bytes.readableBytesView { try server.channel.writeInbound(ByteBuffer(bytes: [byte])) }
            }
            for bytes in try server.sent() {
                for byte in bytes.readableBytesView { try client.channel.writeInbound(ByteBuffer(bytes: [byte])) }
            }
        }
        #expect(server.log.lines == ["established", "read trickle", "complete"])
        #expect(client.log.lines == ["established"])
    }

    @Test("a handler added late takes the bytes that were read before it", arguments: [false, true])
    func heldBytes(beforeAdding: Bool) throws {
        let dialogue = try stage.dialogue()
        _ = dialogue.client.handshake()
        let hello = try #require(dialogue.client.takeCiphertext())
        let channel = EmbeddedChannel()
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let log = Log()
        let handler = TLSHandler(connection: dialogue.server, delegate: log)
        if beforeAdding { handler.receiveHeldBytes(hello) }
        try channel.pipeline.syncOperations.addHandlers([handler, log])
        if !beforeAdding { handler.receiveHeldBytes(hello) }
        dialogue.client.receive(try #require(try channel.readOutbound(as: ByteBuffer.self)))
        #expect(dialogue.client.handshake() == .complete)
        try channel.writeInbound(try #require(dialogue.client.takeCiphertext()))
        #expect(log.lines == ["established"])
    }

    @Test("a channel that comes up later starts the handshake then")
    func startsWithChannel() throws {
        let end = try End(stage.dialogue().client, isUp: false)
        #expect(try end.sent().isEmpty)
        try end.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        #expect(try end.sent().count == 1)
    }

    @Test("a client that does not trust us gets its alert across, and both ends close")
    func rejected() throws {
        let stranger = try LeafCache(authority: .make(name: "stranger"))
        let (client, server) = try ends(leaf: stranger.leaf(names: ["example.com"], commonName: nil, organization: nil))
        let write = client.write("never sent")
        try exchange(client, server)
        #expect(client.log.lines == ["failed", "inactive"])
        #expect(client.log.failure?.what == .peerUntrusted("unable to get local issuer certificate"))
        #expect(server.log.lines == ["failed", "inactive"])
        #expect(server.log.failure?.what == .clientRejectedCertificate("unknown CA"))
        #expect(throws: TLSFailure.self) { try write.wait() }
    }

    @Test("a channel that ends during the handshake is a failure", arguments: [false, true])
    func closedEarly(byHalf: Bool) throws {
        let (client, _) = try ends()
        if byHalf {
            client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            client.channel.pipeline.fireChannelInactive()
        }
        #expect(client.log.lines.prefix(2) == ["failed", "inactive"])
        #expect(client.log.failure?.what == .closedDuringHandshake)
        #expect(client.log.failure?.reason.hasPrefix("server closed") == true)
    }

    @Test("our own close during the handshake is reported as ours")
    func abandoned() throws {
        let (client, _) = try ends()
        try client.channel.close().wait()
        #expect(client.log.lines == ["failed", "inactive"])
        #expect(client.log.failure?.reason.hasPrefix("closed by us") == true)
    }

    @Test("a close sends what was written and close_notify, and the peer sees its input close")
    func close() throws {
        let (client, server) = try ends()
        try exchange(client, server)
        let last = client.write("last")
        let closed = client.channel.close()
        #expect(last.isKept && closed.isKept)
        try exchange(client, server)
        #expect(server.log.lines == ["established", "read last", "complete", "inputClosed"])
        #expect(server.handler.sawCloseNotify)
        #expect(client.log.lines == ["established", "inactive"])
        server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(server.log.lines.filter { $0 == "inputClosed" }.count == 1)
    }

    @Test("a close waits for the socket to take close_notify, but not for ever", arguments: [false, true])
    func patience(isTaken: Bool) throws {
        let (client, server) = try ends()
        try exchange(client, server)
        client.socket.isStuck = true
        client.channel.close(promise: nil)
        #expect(client.socket.closes.isEmpty)
        if isTaken {
            client.socket.stuck.first?.succeed()
        } else {
            client.channel.embeddedEventLoop.advanceTime(by: .seconds(4))
            #expect(client.socket.closes.isEmpty)
            client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        }
        #expect(client.socket.closes == [.all])
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        client.socket.stuck.first?.succeed()
        #expect(client.socket.closes == [.all])
    }

    @Test("a half close sends close_notify, refuses more writes, and still reads")
    func halfClose() throws {
        let (client, server) = try ends()
        try exchange(client, server)
        let half = client.channel.close(mode: .output)
        #expect(half.isKept)
        #expect(client.socket.closes == [.output])
        try exchange(client, server)
        #expect(server.log.lines == ["established", "inputClosed"])
        server.channel.writeAndFlush(ByteBuffer(string: "answer"), promise: nil)
        try exchange(client, server)
        #expect(client.log.lines == ["established", "read answer", "complete"])
        #expect(throws: ChannelError.outputClosed) { try client.write("late").wait() }
        try client.channel.close().wait()
        #expect(client.socket.closes == [.output, .all])
    }

    @Test("an end without close_notify is told as the channel's end only")
    func truncated() throws {
        let (client, server) = try ends()
        try exchange(client, server)
        client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        server.channel.pipeline.fireChannelInactive()
        #expect(client.log.lines == ["established", "inputClosed"])
        #expect(server.log.lines == ["established", "inactive"])
        #expect(!client.handler.sawCloseNotify && !server.handler.sawCloseNotify)
    }

    @Test("garbled data after the handshake is an error and closes the channel")
    func garbled() throws {
        let (client, server) = try ends()
        try exchange(client, server)
        client.channel.writeAndFlush(ByteBuffer(string: "hello"), promise: nil)
        var bytes = try client.sent()[0]
        bytes.setInteger(UInt16(0xffff), at: bytes.writerIndex - 2)
        try server.channel.writeInbound(bytes)
        #expect(server.log.lines == ["established", "error", "inactive"])
    }

    @Test("a write during the server's renegotiation waits for its end")
    func renegotiation() throws {
        let (client, server) = try ends(facing: .init(maxVersion: .tls12))
        try exchange(client, server)
        try server.connection.configure { ssl throws(TLSFailure) in
            SSL_clear_options(ssl, shim_SSL_OP_NO_RENEGOTIATION)
            SSL_renegotiate(ssl)
        }
        _ = server.connection.handshake()
        try client.channel.writeInbound(try #require(server.connection.takeCiphertext()))
        let first = client.write("wait ")
        let second = client.write("for it")
        client.channel.flush()
        #expect(!first.isKept && !second.isKept)
        try exchange(client, server)
        #expect(first.isKept && second.isKept)
        #expect(server.log.lines.filter { $0.hasPrefix("read") } == ["read wait for it"])
        #expect(client.log.lines == ["established"])
    }

    @Test("a next handler that closes on the last bytes hears nothing more")
    func closesWhileReading() throws {
        let (client, server) = try ends()
        server.log.onRead = { _ in server.channel.close(promise: nil) }
        try exchange(client, server)
        client.write("bye").whenFailure { Issue.record($0) }
        client.channel.close(promise: nil)
        try exchange(client, server)
        #expect(server.log.lines == ["established", "read bye", "inactive", "complete"])
    }

    @Test("a handler taken out fails what it still held")
    func removed() throws {
        let (client, _) = try ends()
        let write = client.write("never sent")
        try client.channel.pipeline.syncOperations.removeHandler(client.handler).wait()
        #expect(throws: ChannelError.ioOnClosedChannel) { try write.wait() }
        #expect(client.log.lines.isEmpty)
    }
}

extension EventLoopFuture<Void> {
    /// Whether the promise has succeeded by now.
    fileprivate var isKept: Bool {
        var isKept = false
        assumeIsolated().whenSuccess { isKept = true }
        return isKept
    }
}
