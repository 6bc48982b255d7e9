/// An array of pairs of texts, as a header section is, in one block: as a tree it would cost many times its bytes.
public struct JSONPairs: Sendable, Hashable {
    /// The texts one behind the other, in UTF-8.
    private var bytes: [UInt8] = []
    /// Where each of them ends.
    private var ends: [Int] = []

    /// Appends one text by what `write` appends to the block.
    mutating func append<Failure>(_ write: (inout [UInt8]) throws(Failure) -> Void) throws(Failure) {
        if ends.isEmpty {
            bytes.reserveCapacity(512)
            ends.reserveCapacity(32)
        }
        try write(&bytes)
        ends.append(bytes.count)
    }

    public var count: Int { ends.count / 2 }

    /// Lends both texts of a pair; the buffers are valid inside the closure only.
    public func withPair<Result, Failure>(
        at index: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = index == 0 ? 0 : ends[2 * index - 1]
        let (middle, end) = (ends[2 * index], ends[2 * index + 1])
        return try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
            let bytes = UnsafeRawBufferPointer(bytes)
            return try body(
                UnsafeRawBufferPointer(rebasing: bytes[start..<middle]), UnsafeRawBufferPointer(rebasing: bytes[middle..<end]))
        }
    }

    /// The same as a tree.
    var values: [JSON] {
        (0..<count).map { index in
            withPair(at: index) {
                .array([.string(String(decoding: $0, as: UTF8.self)), .string(String(decoding: $1, as: UTF8.self))])
            }
        }
    }
}
