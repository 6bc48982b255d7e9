import Codings
import FlowModel
import Glibc

/// Reads the flows of an archive one after another: `.har`, or `.zhar` which is the same compressed with zlib.
///
/// Memory is bounded by the longest entry, which may have 256 MiB; the file itself is never held. A damaged archive yields its whole
/// entries before the damage, so also what a crash has cut off.
public final class HARReader {
    private let descriptor: Int32
    private let decoder = HARDecoder()
    private var splitter = HARSplitter()
    private var inflation: ContentDecoder?
    private var isFirst = true
    private var isOver = false
    private var failure: HARFailure?
    /// Entries that were read and not yet asked for, the next one last.
    private var entries: [HARSplitter.Entry] = []
    /// Entries that were left out because their URL is not of HTTP.
    public private(set) var foreign = 0

    /// Bytes that were read already, to see what they are.
    private var beginning: [UInt8]

    /// Reads `beginning` and what the descriptor has behind it, and leaves closing it to the caller.
    public init(beginning: [UInt8] = [], descriptor: Int32) {
        self.beginning = beginning
        self.descriptor = descriptor
    }

    /// True if a file that begins with these bytes, at least four if it has as many, is taken for an archive.
    public static func claims(_ beginning: [UInt8]) -> Bool {
        let text = beginning.starts(with: [0xEF, 0xBB, 0xBF]) ? beginning.dropFirst(3) : beginning[...]
        return text.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "{") || isCompressed(beginning)
    }

    /// The next flow; nil behind the last one. After a failure every call throws it again.
    public func next() throws(HARFailure) -> HTTPFlow? {
        while true {
            if let failure, entries.isEmpty { throw failure }
            guard let entry = entries.popLast() else {
                if isOver { return nil }
                do throws(HARFailure) { try read() } catch { failure = error }
                continue
            }
            do throws(HARFailure) {
                if let flow = try decoder.flow(entry) { return flow }
                foreign += 1
            } catch {
                entries = []
                failure = error
            }
        }
    }

    /// Two bytes that begin zlib data (RFC 1950 2.2) and no text.
    private static func isCompressed(_ beginning: [UInt8]) -> Bool {
        guard beginning.count >= 2 else { return false }
        return beginning[0] & 0x8F == 0x08 && (Int(beginning[0]) << 8 | Int(beginning[1])) % 31 == 0
    }

    private func read() throws(HARFailure) {
        let piece = try bytes()
        if isFirst, Self.isCompressed(piece) {
            // An archive is as long as it is; what is kept of it is bounded elsewhere.
            let limits = CodingLimits(maximumSize: .max, maximumRatio: .max)
            inflation = try coded { () throws(CodingFailure) in try ContentDecoder([.deflate], limits: limits) }
        }
        isFirst = false
        isOver = piece.isEmpty
        guard !isOver else {
            if inflation != nil { try take(try coded { () throws(CodingFailure) in try inflation?.finish() ?? [] }) }
            return try splitter.finish()
        }
        try take(inflation == nil ? piece : try coded { () throws(CodingFailure) in try inflation?.decode(piece) ?? [] })
    }

    private func take(_ plain: [UInt8]) throws(HARFailure) { entries = try splitter.feed(plain).reversed() }

    /// How much is read at a time: of a compressed archive little, since it may unpack to a thousand times as much.
    private var pieceSize: Int { inflation == nil ? 1 << 18 : 1 << 13 }

    private func coded<Value: ~Copyable>(_ body: () throws(CodingFailure) -> Value) throws(HARFailure) -> Value {
        do throws(CodingFailure) { return try body() } catch { throw HARFailure("\(error)") }
    }

    /// The next piece of the file; empty at its end.
    private func bytes() throws(HARFailure) -> [UInt8] {
        if !beginning.isEmpty {
            defer { beginning = [] }
            return beginning
        }
        while true {
            var count = 0
            let piece = [UInt8](unsafeUninitializedCapacity: pieceSize) { buffer, filled in
                count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                filled = max(count, 0)
            }
            if count >= 0 { return piece }
            guard errno == EINTR else { throw HARFailure(String(cString: strerror(errno))) }
        }
    }
}
