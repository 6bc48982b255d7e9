import NIOCore
import Testing

@testable import TLSEngine

@Suite struct ClientHelloTests {
    /// A hello as OpenSSL sends it, in one record.
    static func real(sni: String? = "example.com", alpn: [String] = ["h2", "http/1.1"]) throws -> ByteBuffer {
        let connection = try TLSContexts().connectUpstream(
            UpstreamSettings(verify: false), host: "192.0.2.1", port: 443, sni: sni, alpnOffers: alpn.map { Array($0.utf8) })
        #expect(connection.handshake() == .incomplete)
        return try #require(connection.takeCiphertext())
    }

    /// The same handshake message in records of at most `size` bytes.
    static func refragmented(_ bytes: ByteBuffer, _ size: Int) -> ByteBuffer {
        var message = bytes.getSlice(at: bytes.readerIndex + 5, length: bytes.readableBytes - 5) ?? ByteBuffer()
        var records = ByteBuffer()
        while let fragment = message.readSlice(length: min(size, message.readableBytes)), fragment.readableBytes > 0 {
            records.writeBytes([0x16, 3, 1])
            records.writeInteger(UInt16(fragment.readableBytes))
            records.writeImmutableBuffer(fragment)
        }
        return records
    }

    static func hello(_ bytes: ByteBuffer) throws -> ClientHello {
        guard case .hello(let hello) = ClientHello.parse(bytes) else {
            throw TLSFailure(.protocolViolation, reason: "\(ClientHello.parse(bytes))")
        }
        return hello
    }

    /// A hello with these extensions.
    static func made(_ extensions: [(UInt16, [UInt8])]) -> ByteBuffer {
        var list = ByteBuffer()
        for (type, body) in extensions {
            list.writeInteger(type)
            list.writeInteger(UInt16(body.count))
            list.writeBytes(body)
        }
        var body = ByteBuffer(bytes: [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0])
        body.writeInteger(UInt16(list.readableBytes))
        body.writeBuffer(&list)
        var record = ByteBuffer(bytes: [0x16, 3, 1])
        record.writeInteger(UInt16(body.readableBytes + 4))
        record.writeInteger(UInt32(1 << 24 | body.readableBytes))
        record.writeBuffer(&body)
        return record
    }

    static func serverName(_ name: String) -> [UInt8] {
        let length = UInt8(name.utf8.count)
        return [0, length + 3, 0, 0, length] + Array(name.utf8)
    }

    @Test("a hello of OpenSSL shows its name, protocols, versions and suites")
    func realHello() throws {
        let bytes = try Self.real()
        let hello = try Self.hello(bytes)
        #expect(hello.serverName == "example.com")
        #expect(hello.alpnProtocols == [Array("h2".utf8), Array("http/1.1".utf8)])
        #expect(hello.supportedVersions == [0x0304, 0x0303])
        #expect(hello.cipherSuites.contains(0x1301))
        #expect(hello.legacyVersion == 0x0303)
        #expect(hello.extensions.contains { $0.type == 43 })
        #expect(hello.raw == Array(bytes.readableBytesView.dropFirst(5)))
    }

    @Test("every beginning of a hello asks for more, and the rest does not change the answer")
    func everySplit() throws {
        for bytes in [try Self.real(), Self.refragmented(try Self.real(), 7)] {
            for count in 0..<bytes.readableBytes {
                #expect(ClientHello.parse(bytes.getSlice(at: 0, length: count) ?? ByteBuffer()) == .needMore, "\(count) bytes")
            }
            var longer = bytes
            longer.writeString("\u{17}\u{3}\u{3} more")
            #expect(try Self.hello(longer) == Self.hello(bytes))
        }
    }

    @Test("a hello cut into records is the same hello", arguments: [1, 2, 3, 4, 5, 100])
    func fragmented(size: Int) throws {
        let bytes = try Self.real()
        #expect(try Self.hello(Self.refragmented(bytes, size)) == Self.hello(bytes))
    }

    @Test("a hello without a name or protocols has none")
    func bare() throws {
        let hello = try Self.hello(Self.real(sni: nil, alpn: []))
        #expect(hello.serverName == nil)
        #expect(hello.alpnProtocols.isEmpty)
    }

    @Test("a name that cannot be a host is no name", arguments: ["../../etc", "a b", "x\0y", "bücher.example"])
    func implausibleName(name: String) throws {
        #expect(try Self.hello(Self.made([(0, Self.serverName(name))])).serverName == nil)
    }

    @Test("an extension that stands twice is refused")
    func doubledExtension() {
        let bytes = Self.made([(0, Self.serverName("a.example")), (0, Self.serverName("b.example"))])
        #expect(ClientHello.parse(bytes) == .invalid("malformed ClientHello"))
    }

    @Test(
        "what is not a hello is invalid",
        arguments: [
            ("GET / HTTP/1.1", "record is not a TLS handshake"),
            ("\u{16}\u{3}\u{1}\0\0", "handshake record of 0 bytes"),
            ("\u{16}\u{3}\u{1}\u{7f}\u{7f}", "handshake record of 32639 bytes"),
            ("\u{16}\u{3}\u{1}\0\u{4}\u{2}\0\0\0", "handshake type 2 instead of ClientHello"),
            ("\u{16}\u{3}\u{1}\0\u{4}\u{1}\u{7f}\0\0", "ClientHello of 8323076 bytes"),
            ("\u{16}\u{3}\u{1}\0\u{4}\u{1}\0\0\0", "malformed ClientHello"),
        ])
    func invalid(bytes: String, reason: String) {
        #expect(ClientHello.parse(ByteBuffer(string: bytes)) == .invalid(reason))
    }

    @Test("tiny records cannot carry a hello over the limit")
    func bounded() {
        var bytes = ByteBuffer(bytes: [0x16, 3, 1, 0, 4, 1, 0, 0xf0, 0])
        while bytes.readableBytes <= ClientHello.maximumLength { bytes.writeBytes([0x16, 3, 1, 0, 1, 0]) }
        #expect(ClientHello.parse(bytes) == .invalid("ClientHello longer than 65536 bytes"))
    }

    @Test("a hello with one byte changed never crashes and never hides its length")
    func mutated() throws {
        let bytes = try Self.real()
        for index in 0..<bytes.readableBytes {
            for value in [0, 1, 0x7f, 0xff] as [UInt8] {
                var changed = bytes
                changed.setInteger(value, at: index)
                if case .hello(let hello) = ClientHello.parse(changed) {
                    #expect(hello.raw.count <= changed.readableBytes - 5)
                }
            }
        }
    }

    @Test(
        "three bytes tell TLS from the rest",
        arguments: [
            ([], nil), ([0x16], nil), ([0x16, 3], nil), ([0x16, 3, 1], true), ([0x16, 3, 3, 0], true), ([0x16, 3, 4], false),
            ([0x16, 2], false), ([0x47], false),
        ] as [([UInt8], Bool?)])
    func looksLikeTLS(bytes: [UInt8], answer: Bool?) {
        #expect(ClientHello.looksLikeTLS(ByteBuffer(bytes: bytes)) == answer)
    }
}
