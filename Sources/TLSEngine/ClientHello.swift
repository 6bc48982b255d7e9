import NIOCore

/// What a TLS client offers first, read without consuming a byte, so that a connection can still be passed through.
///
/// RFC 8446 section 4.1.2; the handshake message may be cut into any number of records (section 5.1). Judging what the
/// client offers is left to OpenSSL; only what cannot be read unambiguously is refused here.
public struct ClientHello: Sendable, Hashable {
    /// One extension, unparsed.
    public struct Extension: Sendable, Hashable {
        public var type: UInt16
        public var body: [UInt8]

        public init(type: UInt16, body: [UInt8]) {
            self.type = type
            self.body = body
        }
    }

    /// What is known after looking at the bytes so far.
    public enum Parsed: Sendable, Hashable {
        case needMore
        case hello(ClientHello)
        /// Not a ClientHello; the text says why.
        case invalid(String)
    }

    /// The largest hello looked at, in bytes of records; anything longer is invalid.
    public static let maximumLength = 65_536

    /// The name the client asks for; nil if none was sent or it cannot be a host name.
    public var serverName: String?
    /// In the client's order of preference.
    public var alpnProtocols: [[UInt8]] = []
    /// Empty if the client is older than TLS 1.3; may hold GREASE values.
    public var supportedVersions: [UInt16] = []
    public var cipherSuites: [UInt16] = []
    public var legacyVersion: UInt16
    public var extensions: [Extension] = []
    /// The handshake message with its four-byte header, without record headers.
    public var raw: [UInt8]

    /// Whether these bytes begin like a TLS handshake record; nil if there are too few to tell.
    public static func looksLikeTLS(_ bytes: ByteBuffer) -> Bool? {
        let start = bytes.readableBytesView.prefix(3)
        guard zip(start, [0x16, 0x03] as [UInt8]).allSatisfy({ $0 == $1 }) else { return false }
        guard start.count == 3, let minor = start.last else { return nil }
        return minor <= 3
    }

    /// Reads a ClientHello from the first bytes of a connection.
    ///
    /// Reads again from the start each time; until the hello is complete that walks the record headers and copies nothing.
    public static func parse(_ bytes: ByteBuffer) -> Parsed {
        var records = bytes
        var fragments: [ByteBuffer] = []
        var assembled = 0
        var needed = 4
        while assembled < needed {
            guard looksLikeTLS(records) != false else { return .invalid("record is not a TLS handshake") }
            guard records.readableBytes >= 5, let head = records.readInteger(as: UInt64.self, taking: 5) else { return .needMore }
            let length = Int(head & 0xffff)
            guard length > 0, length <= 16_384 else { return .invalid("handshake record of \(length) bytes") }
            guard bytes.readableBytes - records.readableBytes + length <= maximumLength else {
                return .invalid("ClientHello longer than \(maximumLength) bytes")
            }
            guard let fragment = records.readSlice(length: min(length, records.readableBytes)) else { return .needMore }
            fragments.append(fragment)
            assembled += fragment.readableBytes
            if needed == 4, assembled >= 4 {
                let start = fragments.lazy.flatMap(\.readableBytesView).prefix(4)
                let word = start.reduce(into: UInt32(0)) { $0 = $0 << 8 | UInt32($1) }
                guard word >> 24 == 1 else { return .invalid("handshake type \(word >> 24) instead of ClientHello") }
                needed = 4 + Int(word & 0xff_ffff)
                guard needed <= maximumLength else { return .invalid("ClientHello of \(needed) bytes") }
            }
            if fragment.readableBytes < length { break }
        }
        guard assembled >= needed else { return .needMore }
        var raw: [UInt8] = []
        raw.reserveCapacity(assembled)
        for fragment in fragments { raw.append(contentsOf: fragment.readableBytesView) }
        raw.removeLast(assembled - needed)
        guard let hello = ClientHello(message: raw) else { return .invalid("malformed ClientHello") }
        return .hello(hello)
    }

    private init?(message: [UInt8]) {
        raw = message
        var body = ByteBuffer(bytes: message.dropFirst(4))
        guard let version = body.readInteger(as: UInt16.self), body.readSlice(length: 32) != nil,
            let session = body.readLengthPrefixedSlice(as: UInt8.self), session.readableBytes <= 32,
            let suites = body.readLengthPrefixedSlice(as: UInt16.self)?.wholeUInt16s,
            let compressions = body.readLengthPrefixedSlice(as: UInt8.self), compressions.readableBytes > 0
        else { return nil }
        legacyVersion = version
        cipherSuites = suites
        guard body.readableBytes > 0 else { return }
        guard var list = body.readLengthPrefixedSlice(as: UInt16.self), body.readableBytes == 0 else { return nil }
        var seen: Set<UInt16> = []
        while list.readableBytes > 0 {
            guard let type = list.readInteger(as: UInt16.self), let value = list.readLengthPrefixedSlice(as: UInt16.self),
                // Two of a kind would let us act on one name while the server reads the other.
                seen.insert(type).inserted, read(type, value)
            else { return nil }
            extensions.append(Extension(type: type, body: Array(value.readableBytesView)))
        }
    }

    /// Takes what we use out of one extension; false if it is malformed.
    private mutating func read(_ type: UInt16, _ value: ByteBuffer) -> Bool {
        var value = value
        switch type {
        case 0:
            guard var names = value.readLengthPrefixedSlice(as: UInt16.self), value.readableBytes == 0,
                names.readInteger(as: UInt8.self) == 0, let name = names.readLengthPrefixedSlice(as: UInt16.self),
                names.readableBytes == 0
            else { return false }
            let text = String(buffer: name)
            serverName = HostName.isPlausible(text) ? text : nil
        case 16:
            guard var names = value.readLengthPrefixedSlice(as: UInt16.self), value.readableBytes == 0 else { return false }
            while names.readableBytes > 0 {
                guard let name = names.readLengthPrefixedSlice(as: UInt8.self), name.readableBytes > 0 else { return false }
                alpnProtocols.append(Array(name.readableBytesView))
            }
        case 43:
            guard let versions = value.readLengthPrefixedSlice(as: UInt8.self)?.wholeUInt16s, value.readableBytes == 0 else {
                return false
            }
            supportedVersions = versions
        default: break
        }
        return true
    }
}

extension ByteBuffer {
    /// All readable bytes as big-endian numbers; nil if a half number is left over.
    fileprivate var wholeUInt16s: [UInt16]? {
        guard readableBytes % 2 == 0 else { return nil }
        var rest = self
        var numbers: [UInt16] = []
        numbers.reserveCapacity(readableBytes / 2)
        while let number = rest.readInteger(as: UInt16.self) { numbers.append(number) }
        return numbers
    }

    /// The first `count` (at most eight) bytes as one big-endian number.
    fileprivate mutating func readInteger(as type: UInt64.Type, taking count: Int) -> UInt64? {
        readSlice(length: count).map { $0.readableBytesView.reduce(into: 0) { $0 = $0 << 8 | UInt64($1) } }
    }
}
