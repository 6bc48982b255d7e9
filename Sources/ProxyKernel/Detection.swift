import NIOCore
import TLSEngine

/// Decides what the first bytes of a connection are. It consumes nothing, so the decision needs no undoing.
public struct Detection: Sendable {
    /// What the bytes are.
    public enum Verdict: Sendable {
        case needMore
        case tls(ClientHello)
        case http
        /// HTTP/2 from its first byte.
        case http2
        case raw
        /// Not to be looked into, whatever it is.
        case passthrough
        case socks
        case dns

        /// Whether the bytes said so, not the mode.
        var isDetected: Bool {
            switch self {
            case .socks, .dns: false
            default: true
            }
        }
    }

    /// What may be there besides TLS.
    public enum Admission: Sendable {
        /// HTTP alone, whose parser will say what is wrong with anything else.
        case http
        /// HTTP, and anything else is relayed.
        case any
        /// Everything is relayed.
        case raw
        /// A SOCKS client, whatever it says.
        case socks
        /// A client of a name server, whatever it says.
        case dns
    }

    public let admits: Admission
    /// Bytes after which a ClientHello or a request line must be recognisable.
    private static let maximumBytes = 64 * 1024

    public init(admits: Admission) { self.admits = admits }

    public func verdict(on bytes: ByteBuffer, inputIsClosed: Bool = false) -> Verdict {
        guard bytes.readableBytes > 0 else { return .needMore }
        switch admits {
        case .socks: return .socks
        case .dns: return .dns
        default: break
        }
        switch ClientHello.looksLikeTLS(bytes) {
        case nil where !inputIsClosed: return .needMore
        case true?:
            switch ClientHello.parse(bytes) {
            case .needMore where !inputIsClosed && bytes.readableBytes < Self.maximumBytes: return .needMore
            case .hello(let hello): return .tls(hello)
            case .needMore, .invalid: return admits == .http ? .http : .raw
            }
        default: break
        }
        if admits == .raw { return .raw }
        switch Self.looksLikeHTTP2(bytes) {
        case nil where !inputIsClosed: return .needMore
        case true?: return .http2
        default: break
        }
        guard admits != .http else { return .http }
        return bytes.withUnsafeReadableBytes { Self.looksLikeHTTP($0, isComplete: inputIsClosed) }
    }

    /// Whether these are the client's connection preface (RFC 9113 3.4); nil if there are too few to tell.
    private static func looksLikeHTTP2(_ bytes: ByteBuffer) -> Bool? {
        let start = bytes.readableBytesView.prefix(preface.count)
        guard zip(start, preface).allSatisfy({ $0 == $1 }) else { return false }
        return start.count == preface.count ? true : nil
    }

    /// Whether a server's first bytes begin with a SETTINGS frame, or may yet (RFC 9113 3.4): its length, type 4, no flags, stream 0.
    static func looksLikeHTTP2Settings(_ bytes: ByteBuffer) -> Bool {
        let head = Array(bytes.readableBytesView.prefix(9))
        let isMultiple = head.count < 3 || (Int(head[1]) << 8 | Int(head[2])) % 6 == 0
        return head.first == 0 && isMultiple && zip(head.dropFirst(3), [4, 0, 0, 0, 0, 0]).allSatisfy { $0 == $1 }
    }

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// A request line: a method in letters, then a space before any line end.
    private static func looksLikeHTTP(_ bytes: UnsafeRawBufferPointer, isComplete: Bool) -> Verdict {
        let isMethodOctet = { (byte: UInt8) in (0x41...0x5A).contains(byte) || byte == 0x2D || byte == 0x5F }
        guard let end = bytes.firstIndex(where: { !isMethodOctet($0) }) else {
            return isComplete || bytes.count > 32 ? .raw : .needMore
        }
        // SSH identifies itself as "SSH-2.0-…", which no method does.
        return end >= 3 && end <= 32 && bytes[end] == 0x20 ? .http : .raw
    }
}
