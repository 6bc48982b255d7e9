private import Glibc

/// Cuts a stream of bytes into lines at LF, and nowhere else.
///
/// A CR before the LF is not part of the line. A line that came whole in one read is lent without a copy; of a line that
/// comes in parts every byte is looked at once. After `tooLong` the splitter takes nothing more.
public struct LineSplitter {
    /// What `feed` found wrong.
    public enum Failure: Error, Equatable, Sendable {
        /// A line has more bytes than this, LF not counted.
        case tooLong(limit: Int)
    }

    /// Bytes of a line, LF not counted, at most.
    public let limit: Int
    private var partial: [UInt8] = []
    private var isPoisoned = false

    public init(limit: Int = 16 << 20) { self.limit = limit }

    /// True while the last line has begun and not ended.
    public var holdsPartialLine: Bool { !partial.isEmpty }

    /// Calls `line` with each line that `bytes` completes, in order; a line is valid inside the closure only.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer, line: (UnsafeRawBufferPointer) -> Void) throws(Failure) {
        guard !isPoisoned else { throw .tooLong(limit: limit) }
        var rest = bytes
        while let length = Self.lengthOfLine(rest) {
            if partial.isEmpty {
                try check(length)
                line(Self.withoutCarriageReturn(UnsafeRawBufferPointer(rebasing: rest[..<length])))
            } else {
                try check(partial.count + length)
                partial.append(contentsOf: rest[..<length])
                partial.withUnsafeBytes { line(Self.withoutCarriageReturn($0)) }
                // One long line must not keep its memory for the life of the connection.
                partial.removeAll(keepingCapacity: partial.capacity <= 1 << 16)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
        }
        try check(partial.count + rest.count)
        partial.append(contentsOf: rest)
    }

    private mutating func check(_ length: Int) throws(Failure) {
        guard length <= limit else {
            isPoisoned = true
            partial = []
            throw .tooLong(limit: limit)
        }
    }

    private static func lengthOfLine(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let end = memchr(base, 0x0A, bytes.count) else { return nil }
        return UnsafeRawPointer(end) - base
    }

    private static func withoutCarriageReturn(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        line.last == 0x0D ? UnsafeRawBufferPointer(rebasing: line.dropLast()) : line
    }
}
