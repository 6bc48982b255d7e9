import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import Sockets

/// What a paused reader has not taken stays in the socket when the peer ends, and arrives whole and in order before the end. Over real
/// connections.
final class UnreadInputTests {
    private let theirs: CInt
    private let channel: any Channel
    private let reader: Reader
    private let input: UnreadInput
    private let sent = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 / 251) }

    init() throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (ours, theirs) = try Self.connection()
        self.theirs = theirs
        let reader = Reader()
        let channel = try ClientBootstrap(group: loop).channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false).channelInitializer { $0.pipeline.addHandler(reader) }
            .withConnectedSocket(ours).wait()
        self.channel = channel
        self.reader = reader
        input = try loop.submit {
            let input = try #require(try UnreadInput.of(channel))
            #expect(try UnreadInput.of(channel) === input)
            input.isPaused = true
            return input
        }.wait()
    }

    /// The peer sends all and ends, which the channel leaves where it is.
    private func leave() throws {
        var rest = sent[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(theirs, $0.baseAddress, $0.count, 0) }
            try #require(count > 0)
            rest = rest.dropFirst(count)
        }
        try #require(shutdown(theirs, CInt(SHUT_WR)) == 0)
        let input = input
        try eventually("the end") { input.isLeft }
    }

    deinit {
        close(theirs)
        channel.close(promise: nil)
    }

    /// The two ends of a connection over loopback.
    private static func connection() throws -> (CInt, CInt) {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0), ours = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try #require(bind(listener, $0, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &size) == 0)
                try #require(connect(ours, $0, size) == 0)
            }
        }
        let theirs = accept(listener, nil, nil)
        try #require(theirs >= 0)
        return (ours, theirs)
    }

    private func onLoop<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        try channel.eventLoop.submit(body).wait()
    }

    private func eventually(_ what: Comment, _ holds: @escaping @Sendable () -> Bool) throws {
        for _ in 0..<2000 {
            if try onLoop(holds) { return }
            usleep(5000)
        }
        Issue.record("it never came: \(what)")
    }

    @Test("nothing is read, and no end is told of, while the reader is paused; then all, and one end")
    func pause() throws {
        let (input, reader) = (input, reader)
        try leave()
        #expect(try onLoop { reader.seen } == [])
        #expect(channel.isActive)
        try onLoop { input.isPaused = false }
        try eventually("the end's report") { reader.ends > 0 }
        #expect(try onLoop { reader.bytes } == sent)
        #expect(try onLoop { reader.seen } == ["bytes", "end"])
        #expect(channel.isActive)
    }

    @Test("an end with nothing before it is told of at once")
    func nothing() throws {
        let reader = reader
        #expect(shutdown(theirs, CInt(SHUT_WR)) == 0)
        try eventually("the end's report") { reader.ends > 0 }
        #expect(try onLoop { reader.seen } == ["end"])
    }

    @Test("a pause between two pieces holds")
    func pieces() throws {
        let (input, reader) = (input, reader)
        try leave()
        try onLoop {
            reader.whenRead = { input.isPaused = true }
            input.isPaused = false
        }
        try eventually("the bytes") { !reader.bytes.isEmpty }
        usleep(20_000)
        #expect(try onLoop { reader.seen } == ["bytes"])
        try onLoop { input.isPaused = false }
        try eventually("the end's report") { reader.ends > 0 }
        #expect(try onLoop { reader.bytes } == sent)
    }

    @Test("a connection that is reset then loses nothing that had arrived")
    func reset() throws {
        let reader = reader
        try leave()
        var now = linger(l_onoff: 1, l_linger: 0)
        #expect(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size)) == 0)
        // Its number may be another's as soon as it is closed, and is closed again at the end.
        let standIn = open("/dev/null", O_RDONLY)
        #expect(dup2(standIn, theirs) == theirs)
        close(standIn)
        try eventually("the close") { reader.seen.last == "closed" }
        #expect(try onLoop { reader.bytes } == sent)
        #expect(try onLoop { reader.seen.first } == "bytes")
    }

    @Test("to close the output leaves the input, and is done once that was read")
    func output() throws {
        let (input, reader, channel) = (input, reader, channel)
        try leave()
        let closed = channel.eventLoop.makePromise(of: Void.self)
        try onLoop { channel.close(mode: .output, promise: closed) }
        #expect(channel.isActive)
        try onLoop { input.isPaused = false }
        try closed.futureResult.wait()
        #expect(try onLoop { reader.bytes } == sent)
        var byte: UInt8 = 0
        #expect(recv(theirs, &byte, 1, 0) == 0)
    }

    @Test("a channel that is closed for good fails who waits to close its output")
    func abandoned() throws {
        let channel = channel
        try leave()
        let closed = channel.eventLoop.makePromise(of: Void.self)
        try onLoop { channel.close(mode: .output, promise: closed) }
        try channel.close().wait()
        #expect(throws: ChannelError.ioOnClosedChannel) { try closed.futureResult.wait() }
    }

    /// What arrives behind the handler, in order. Confined to the channel's loop.
    private final class Reader: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer

        var bytes: [UInt8] = []
        /// Of each kind in a row, one.
        var seen: [String] = []
        var ends = 0
        var whenRead: () -> Void = {}

        private func see(_ what: String) { if seen.last != what { seen.append(what) } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            see("bytes")
            bytes += Array(unwrapInboundIn(data).readableBytesView)
            whenRead()
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event as? ChannelEvent == .inputClosed else { return }
            ends += 1
            see("end")
        }

        func channelInactive(context: ChannelHandlerContext) { see("closed") }
    }
}
