import Glibc

/// A flow's id as the registry's table has it: its octets, of which the first and the last are hashed, since ids are random.
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

    func hash(into hasher: inout Hasher) { hasher.combine(_rawHashValue(seed: 0)) }

    /// What a table asks for. Hasher takes three hundred instructions for the same.
    func _rawHashValue(seed: Int) -> Int {
        withOctets { octets in
            guard octets.count >= 16 else {
                var hasher = Hasher()
                hasher.combine(bytes: octets)
                return hasher.finalize() ^ seed
            }
            let first = octets.loadUnaligned(as: UInt64.self)
            let last = octets.loadUnaligned(fromByteOffset: octets.count - 8, as: UInt64.self)
            let product = (first ^ Self.secret.0).multipliedFullWidth(by: last ^ Self.secret.1)
            return Int(truncatingIfNeeded: product.high ^ product.low) ^ seed
        }
    }

    /// Ids that somebody else made up, in a file of flows, cannot be made to meet in one place.
    private static let secret = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))

    @inline(__always)
    private func withOctets<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if let result = id.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
        return Array(id.utf8).withUnsafeBytes(body)
    }
}
