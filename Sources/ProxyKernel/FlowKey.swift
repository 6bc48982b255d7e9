import Glibc

/// A flow's id as the registry's table has it: its octets, of which the first and the last are hashed. Ids are random, and hashing a
/// text as texts are hashed is dear for something that every request does four times.
struct FlowKey: Hashable, Sendable {
    private let id: String

    init(_ id: String) { self.id = id }

    static func == (left: FlowKey, right: FlowKey) -> Bool {
        left.withOctets { left in
            right.withOctets { right in
                guard left.count == right.count, let start = left.baseAddress, let other = right.baseAddress else {
                    return left.count == right.count
                }
                return memcmp(start, other, left.count) == 0
            }
        }
    }

    func hash(into hasher: inout Hasher) {
        withOctets { octets in
            guard octets.count >= 16 else { return hasher.combine(bytes: octets) }
            hasher.combine(octets.loadUnaligned(as: UInt64.self))
            hasher.combine(octets.loadUnaligned(fromByteOffset: octets.count - 8, as: UInt64.self))
        }
    }

    @inline(__always)
    private func withOctets<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if let result = id.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
        return Array(id.utf8).withUnsafeBytes(body)
    }
}
