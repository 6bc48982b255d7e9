import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import Sockets

/// The short way past a channel's queue: what is sent arrives whole and in order, whichever way each piece went. Over real sockets.
final class DirectOutputTests {
    private let theirs: CInt
    private let channel: any Channel

    init() throws {
        var ends: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        theirs = ends[1]
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        channel = try ClientBootstrap(group: loop).withConnectedSocket(ends[0]).wait()
    }

    deinit {
        close(theirs)
        channel.close(promise: nil)
    }

    private func onLoop<Result: Sendable>(_ body: @escaping @Sendable (any Channel) throws -> Result) throws -> Result {
        let channel = channel
        return try channel.eventLoop.submit { try body(channel) }.wait()
    }

    private func received(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let taken = bytes.withUnsafeMutableBytes { read(theirs, $0.baseAddress?.advanced(by: filled), count - filled) }
            guard taken > 0 else { break }
            filled += taken
        }
        return Array(bytes[..<filled])
    }

    @Test("what there is room for is sent at once, past the channel")
    func straight() throws {
        let state = try onLoop { channel in
            var output = DirectOutput(channel)
            var bytes = ByteBuffer(string: "at once")
            return (output.send(&bytes, past: channel), bytes.readableBytes, output.mayBeQueued)
        }
        #expect(state == (true, 0, false))
        #expect(received(7) == Array("at once".utf8))
    }

    @Test("what there is no room for is left, and what follows stays behind it until the channel has sent all")
    func full() throws {
        let total = 4 << 20
        let pattern = (0..<total).map { UInt8(truncatingIfNeeded: $0 / 251) }
        let left = try onLoop { channel in
            var output = DirectOutput(channel)
            var bytes = ByteBuffer(bytes: pattern)
            #expect(!output.send(&bytes, past: channel))
            let left = bytes.readableBytes
            #expect(left > 0 && left < total && output.mayBeQueued)
            channel.writeAndFlush(bytes, promise: nil)
            var next = ByteBuffer(string: "next")
            #expect(!output.send(&next, past: channel))
            #expect(next.readableBytes == 4)
            channel.writeAndFlush(next, promise: nil)
            return left
        }
        #expect(left < total)
        #expect(received(total + 4) == pattern + Array("next".utf8))
        let isFree = try onLoop { channel in
            var output = DirectOutput(channel)
            output.leave()
            var bytes = ByteBuffer(string: "again")
            return output.send(&bytes, past: channel) && !output.mayBeQueued
        }
        #expect(isFree)
        #expect(received(5) == Array("again".utf8))
    }

    @Test("what the channel was given and has not flushed comes first")
    func unflushed() throws {
        try onLoop { channel in
            var output = DirectOutput(channel)
            channel.write(ByteBuffer(string: "first "), promise: nil)
            output.leave()
            var second = ByteBuffer(string: "second")
            #expect(!output.send(&second, past: channel))
            channel.writeAndFlush(second, promise: nil)
        }
        #expect(received(12) == Array("first second".utf8))
    }

    @Test("a closed channel's number is nobody's, whoever has it next")
    func closed() throws {
        // The tests beside this one take numbers, too: who is quicker has it.
        let wasOurs = try (1...100).contains { _ in try DirectOutputTests().sendsNothingToTheNext() }
        #expect(wasOurs)
    }

    /// False if the number was somebody else's at once.
    private func sendsNothingToTheNext() throws -> Bool {
        try onLoop { channel in
            var output = DirectOutput(channel)
            let number = try #require(channel.socketNumber)
            var ends: [CInt] = [-1, -1]
            #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
            channel.close(promise: nil)
            let next = fcntl(ends[0], F_DUPFD, number)
            close(ends[0])
            var bytes = ByteBuffer(string: "not for you")
            if next == number {
                #expect(!output.send(&bytes, past: channel))
                #expect(bytes.readableBytes == 11)
            }
            close(next)
            var byte: UInt8 = 0
            #expect(read(ends[1], &byte, 1) == 0)
            close(ends[1])
            return next == number
        }
    }

    @Test("a peer that has gone leaves all to the channel, and ends nobody")
    func gone() throws {
        shutdown(theirs, CInt(SHUT_RD))
        let left = try onLoop { channel in
            var output = DirectOutput(channel)
            var bytes = ByteBuffer(string: "to nobody")
            #expect(!output.send(&bytes, past: channel))
            return bytes.readableBytes
        }
        #expect(left == 9)
    }
}
