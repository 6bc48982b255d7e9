import NIOCore

extension ByteBuffer {
    private static let long = 1 << 20
    private static let longest = Int(UInt32.max)

    /// Makes room for `count` bytes behind what is there.
    ///
    /// A body of unknown length outgrows its room again and again, and while it moves it is there twice. So a long one gets eight times the
    /// room: what nobody has written to takes no memory.
    public mutating func makeRoom(for count: Int) {
        guard writableBytes < count else { return }
        let needed = writerIndex + count
        reserveCapacity(needed <= Self.long ? needed : Swift.max(needed, Swift.min(8 * capacity, Self.longest)))
    }
}
