import FlowModel

/// The twelve octets that every message begins with (RFC 1035 4.1.1).
public struct MessageHeader: Equatable, Sendable {
    public static let length = 12

    public var id: Int
    public var flags: Int
    /// Of questions, answers, authorities and additionals.
    public var counts: [Int]

    public var isQuery: Bool { flags & 0x8000 == 0 }

    init(_ reader: inout WireReader) throws(WireFailure) {
        guard reader.remaining >= Self.length else {
            throw WireFailure("expected a header of \(Self.length) octets, found \(reader.remaining)")
        }
        id = try reader.number16()
        flags = try reader.number16()
        counts = []
        for _ in 0..<4 { counts.append(try reader.number16()) }
    }

    /// The header of what may be no whole message; nil if there are too few octets for one.
    public init?(of octets: [UInt8]) {
        var reader = WireReader(octets)
        guard let header = try? MessageHeader(&reader) else { return nil }
        self = header
    }

    /// Puts another id into a message.
    public static func replaceID(in octets: inout [UInt8], with id: Int) {
        guard octets.count >= 2 else { return }
        octets[0] = UInt8(truncatingIfNeeded: id >> 8)
        octets[1] = UInt8(truncatingIfNeeded: id)
    }
}

extension DNSMessage {
    /// The second pair of octets of the header.
    var flags: Int {
        get {
            let bits = [
                (15, !isQuery), (10, isAuthoritative), (9, isTruncated), (8, recursionIsDesired), (7, recursionIsAvailable),
            ]
            return bits.reduce(0) { $0 | ($1.1 ? 1 << $1.0 : 0) } | (operation & 15) << 11 | (reserved & 7) << 4 | responseCode
                & 15
        }
        set {
            isQuery = newValue & 0x8000 == 0
            operation = newValue >> 11 & 15
            isAuthoritative = newValue & 0x0400 != 0
            isTruncated = newValue & 0x0200 != 0
            recursionIsDesired = newValue & 0x0100 != 0
            recursionIsAvailable = newValue & 0x0080 != 0
            reserved = newValue >> 4 & 7
            responseCode = newValue & 15
        }
    }
}
