import FlowModel

/// The two versions that HTTP/1 syntax carries on today's networks.
///
/// Others are refused: RFC 9110 2.5 would let 1.2 pass as 1.1, but no such version exists and only probes send it.
public enum HTTPVersion: String, Hashable, Sendable, CustomStringConvertible {
    case http10 = "HTTP/1.0"
    case http11 = "HTTP/1.1"

    public var description: String { rawValue }

    /// As records of messages have it.
    var text: ByteString { self == .http11 ? .http11 : .http10 }

    /// Reads the eight octets of a version; name and digits are exact, since RFC 9112 2.3 makes the name case-sensitive.
    static func parse(_ octets: UnsafeRawBufferPointer) throws(MessageFailure) -> HTTPVersion {
        let isShaped =
            octets.count == 8 && octets[0] == UInt8(ascii: "H") && octets[1] == UInt8(ascii: "T")
            && octets[2] == UInt8(ascii: "T")
            && octets[3] == UInt8(ascii: "P") && octets[4] == UInt8(ascii: "/") && octets[5].isDigit
            && octets[6] == UInt8(ascii: ".") && octets[7].isDigit
        guard isShaped else { throw .badVersion(ByteString(octets.prefix(32))) }
        switch (octets[5], octets[7]) {
        case (UInt8(ascii: "1"), UInt8(ascii: "1")): return .http11
        case (UInt8(ascii: "1"), UInt8(ascii: "0")): return .http10
        default: throw .unsupportedVersion(ByteString(octets))
        }
    }
}
