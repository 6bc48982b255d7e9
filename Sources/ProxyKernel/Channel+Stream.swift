import NIOCore

extension Channel {
    /// Sets what the connections of sessions have in common; on the channel's loop, which a bootstrap's options would go around by
    /// way of futures. `firstRead` is the size of the first read, in bytes.
    public func becomeStream(firstRead: Int) throws {
        guard let options = syncOptions else { return }
        try options.setOption(.allowRemoteHalfClosure, value: true)
        try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        // Each read and each write wakes another process, which costs more than the copy: much is read at once. The channel keeps a
        // buffer of that size for each read of a turn, so that there is one.
        try options.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: firstRead, maximum: 256 * 1024))
        try options.setOption(.maxMessagesPerRead, value: 1)
    }
}
