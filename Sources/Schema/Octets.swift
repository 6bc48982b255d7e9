import Glibc

extension UnsafeRawBufferPointer {
    /// True when the octets are exactly these.
    @inline(__always)
    public func isExactly(_ text: StaticString) -> Bool { isExactly(text.octets) }

    public func isExactly(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count, let mine = baseAddress, let theirs = other.baseAddress else { return count == other.count }
        return memcmp(mine, theirs, count) == 0
    }
}

extension StaticString {
    /// The octets of the source.
    @inline(__always)
    public var octets: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
