import Glibc
import NIOCore

/// The short way of bytes to a channel's socket: past the channel's queue, while nothing waits in that. Confined to the channel's loop.
///
/// A write and a flush take a channel four thousand instructions, though most answers are one piece that the socket has room for. What
/// it has no room for, and every failure, is left to the channel, which waits and reports as if it had been asked first.
public struct DirectOutput {
    /// Nil where the channel is none of a socket's.
    private let socket: NIOBSDSocket.Handle?
    /// Whether something was left to the channel that it may not have sent yet.
    private(set) var mayBeQueued = false

    /// Keeps the channel's socket from programs that are started as well.
    public init(_ channel: any Channel) {
        socket = channel.socketNumber
        if let socket { _ = fcntl(socket, F_SETFD, FD_CLOEXEC) }
    }

    /// To be said when the channel is given bytes, from whomever: those that follow stay behind them.
    public mutating func leave() { mayBeQueued = true }

    /// Sends what the socket takes now. True if that was all; else the rest stays in `bytes`, and is the channel's from then on.
    public mutating func send(_ bytes: inout ByteBuffer, past channel: any Channel) -> Bool {
        bytes.moveReaderIndex(forwardBy: bytes.withUnsafeReadableBytes { send($0, past: channel) })
        return bytes.readableBytes == 0
    }

    /// How many bytes the socket takes now; those behind them are the channel's.
    public mutating func send(_ bytes: UnsafeRawBufferPointer, past channel: any Channel) -> Int {
        var sent = 0
        // A channel closes its socket, whose number the next one gets, and ceases to be active in one.
        if let socket, channel.isActive, isFree(channel) {
            while sent < bytes.count {
                let count = Glibc.send(socket, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, Self.flags)
                if count < 0, errno != EINTR { break }
                sent += max(count, 0)
            }
        }
        if sent < bytes.count { mayBeQueued = true }
        return sent
    }

    private static let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)

    private mutating func isFree(_ channel: any Channel) -> Bool {
        guard mayBeQueued else { return true }
        mayBeQueued = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) != 0
        return !mayBeQueued
    }
}
