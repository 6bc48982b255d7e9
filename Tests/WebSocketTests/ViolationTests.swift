import NIOCore
import Testing
import WebSocket

@Suite("Frames that are refused")
struct ViolationTests {
    struct Case: CustomTestStringConvertible {
        let what: String
        let code: Int
        var from = Sender.server
        let bytes: [UInt8]
        var field: String?
        var testDescription: String { what }
    }

    static let deflate = "permessage-deflate"
    /// "Hello" by RFC 7692, 7.2.3.1.
    static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

    static let framing: [Case] = [
        Case(what: "RSV1 without an extension", code: 1002, bytes: frame(0xC1, text("a"))),
        Case(what: "RSV2", code: 1002, bytes: frame(0xA1, text("a"))),
        Case(what: "RSV3", code: 1002, bytes: frame(0x91, text("a"))),
        Case(what: "RSV2 with compression", code: 1002, bytes: frame(0xE1, hello), field: deflate),
        Case(what: "RSV1 on a continuation", code: 1002, bytes: frame(0x41, hello) + frame(0xC0), field: deflate),
        Case(what: "RSV1 on a ping", code: 1002, bytes: frame(0xC9), field: deflate),
        Case(what: "RSV1 on a close frame", code: 1002, bytes: frame(0xC8), field: deflate),
        Case(what: "RSV1 on a later fragment only", code: 1002, bytes: frame(0x01, text("a")) + frame(0xC0), field: deflate),
        Case(what: "no mask from a client", code: 1002, from: .client, bytes: frame(0x81, text("a"))),
        Case(what: "no mask on a client's ping", code: 1002, from: .client, bytes: frame(0x89)),
        Case(what: "no mask on a client's close frame", code: 1002, from: .client, bytes: frame(0x88)),
        Case(what: "no mask on a client's second frame", code: 1002, from: .client, bytes: masked(0x01) + frame(0x80)),
        Case(what: "a mask from a server", code: 1002, bytes: masked(0x81, text("a"))),
        Case(what: "a mask on a server's pong", code: 1002, bytes: masked(0x8A)),
        Case(what: "a fragment of a ping", code: 1002, bytes: frame(0x09)),
        Case(what: "a fragment of a pong", code: 1002, bytes: frame(0x0A)),
        Case(what: "a fragment of a close frame", code: 1002, bytes: frame(0x08)),
        Case(what: "a ping of 126 bytes", code: 1002, bytes: frame(0x89, [UInt8](repeating: 0, count: 126))),
        Case(what: "a close frame of 126 bytes", code: 1002, bytes: frame(0x88, [UInt8](repeating: 0, count: 126))),
        Case(what: "a pong of 65,536 bytes", code: 1002, bytes: [0x8A, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        Case(what: "a continuation of nothing", code: 1002, bytes: frame(0x80, text("a"))),
        Case(what: "an open continuation of nothing", code: 1002, bytes: frame(0x00, text("a"))),
        Case(what: "a continuation behind a whole message", code: 1002, bytes: frame(0x81) + frame(0x80)),
        Case(what: "text inside a text", code: 1002, bytes: frame(0x01, text("a")) + frame(0x81, text("b"))),
        Case(what: "binary inside a text", code: 1002, bytes: frame(0x01, text("a")) + frame(0x02)),
        Case(what: "text inside a binary message", code: 1002, bytes: frame(0x02, text("a")) + frame(0x81)),
        Case(what: "125 bytes in 16 bits", code: 1002, bytes: [0x82, 126, 0, 125]),
        Case(what: "no bytes in 16 bits", code: 1002, bytes: [0x82, 126, 0, 0]),
        Case(what: "65,535 bytes in 64 bits", code: 1002, bytes: [0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
        Case(what: "1 byte in 64 bits", code: 1002, bytes: [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1]),
        Case(what: "a length of 2^63", code: 1002, bytes: [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        Case(what: "a length of 2^64 - 1", code: 1002, bytes: [0x82, 127] + [UInt8](repeating: 0xFF, count: 8)),
        Case(what: "a length of 2^63 - 1", code: 1009, bytes: [0x82, 127, 0x7F] + [UInt8](repeating: 0xFF, count: 7)),
    ]

    static let opcodes: [Case] = ([3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8]).map {
        Case(what: "opcode \($0)", code: 1002, bytes: frame(0x80 | $0))
    }

    static let closing: [Case] =
        [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map { code in
            Case(what: "close code \(code)", code: 1002, bytes: frame(0x88, [UInt8(code >> 8), UInt8(code & 0xFF)]))
        } + [
            Case(what: "a close frame of 1 byte", code: 1002, bytes: frame(0x88, [3])),
            Case(what: "a reason that is not UTF-8", code: 1007, bytes: frame(0x88, [3, 0xE8, 0xFF])),
            Case(what: "a reason that ends within a character", code: 1007, bytes: frame(0x88, [3, 0xE8, 0xE2, 0x82])),
        ]

    static let content: [Case] = [
        Case(what: "a byte that is no UTF-8", code: 1007, bytes: frame(0x81, [0xFF])),
        Case(what: "a continuation byte alone", code: 1007, bytes: frame(0x81, [0x80])),
        Case(what: "an over-long slash", code: 1007, bytes: frame(0x81, [0xC0, 0xAF])),
        Case(what: "an over-long NUL of three bytes", code: 1007, bytes: frame(0x81, [0xE0, 0x80, 0x80])),
        Case(what: "an over-long character of four bytes", code: 1007, bytes: frame(0x81, [0xF0, 0x8F, 0xBF, 0xBF])),
        Case(what: "a surrogate", code: 1007, bytes: frame(0x81, [0xED, 0xA0, 0x80])),
        Case(what: "beyond U+10FFFF", code: 1007, bytes: frame(0x81, [0xF4, 0x90, 0x80, 0x80])),
        Case(what: "a lead byte of five", code: 1007, bytes: frame(0x81, [0xF8, 0x88, 0x80, 0x80, 0x80])),
        Case(what: "the end within a character", code: 1007, bytes: frame(0x81, [0x61, 0xE2, 0x82])),
        Case(what: "the end within a character over fragments", code: 1007, bytes: frame(0x01, [0xE2]) + frame(0x80, [0x82])),
        Case(what: "a bad byte in the second fragment", code: 1007, bytes: frame(0x01, [0xE2]) + frame(0x00, [0x28])),
        Case(
            what: "bad bytes after a ping between them", code: 1007,
            bytes: frame(0x01, [0xE2]) + frame(0x89) + frame(0x80, [0x28])),
        Case(
            what: "bad bytes behind long ASCII", code: 1007,
            bytes: frame(0x81, [UInt8](repeating: 0x61, count: 200) + [0xC3, 0x28])),
        Case(what: "a client's bad text", code: 1007, from: .client, bytes: masked(0x81, [0xC3, 0x28])),
        Case(what: "one byte more than the limit", code: 1009, bytes: frame(0x82, [UInt8](repeating: 1, count: 1025))),
        Case(
            what: "fragments of more than the limit", code: 1009,
            bytes: frame(0x02, [UInt8](repeating: 1, count: 1000)) + frame(0x80, [UInt8](repeating: 1, count: 25))),
    ]

    static let compressed: [Case] = [
        Case(what: "bad deflate data", code: 1007, bytes: frame(0xC1, [0xFF, 0xFF, 0xFF]), field: deflate),
        Case(what: "an unknown block type", code: 1007, bytes: frame(0xC2, [0x06]), field: deflate),
        Case(
            what: "a stored block of wrong lengths", code: 1007, bytes: frame(0xC2, [0x00, 0x05, 0x00, 0x00, 0x00]),
            field: deflate),
        Case(
            what: "a stored block cut off", code: 1007, bytes: frame(0xC2, [0x00, 0x20, 0x00, 0xDF, 0xFF, 0x61]), field: deflate),
        Case(what: "a block cut off", code: 1007, bytes: frame(0xC1, Array(hello.prefix(3))), field: deflate),
        Case(what: "no deflate data at all", code: 1007, bytes: frame(0xC1), field: deflate),
        Case(
            what: "text that is not UTF-8 when unpacked", code: 1007, bytes: frame(0xC1, [0x00, 0x01, 0x00, 0xFE, 0xFF, 0xFF]),
            field: deflate),
        Case(
            what: "a reference to an earlier message after a context was given up", code: 1007,
            bytes: frame(0xC1, hello) + frame(0xC1, [0xF2, 0x00, 0x11, 0x00, 0x00]),
            field: "permessage-deflate; server_no_context_takeover"),
        Case(what: "a client's bad deflate data", code: 1007, from: .client, bytes: masked(0xC1, [0xFF, 0xFF]), field: deflate),
    ]

    @Test(
        "are answered with the code that the RFC demands, however they are cut",
        arguments: [framing, opcodes, closing, content, compressed].flatMap { $0 })
    func codes(_ this: Case) throws {
        let compression = try this.field.flatMap(agreed)
        let whole = hear([this.bytes], from: this.from, compression, limit: 1024)
        #expect(whole.failure?.code.rawValue == this.code, "\(whole)")
        for pieces in cuts(this.bytes) where !this.bytes.isEmpty {
            let heard = hear(pieces, from: this.from, compression, limit: 1024)
            #expect(heard.failure?.code == whole.failure?.code, "\(pieces)")
        }
    }

    @Test("are found before the frame is whole")
    func early() {
        #expect(hear([[0x91]]).failure?.code == .protocolError)
        #expect(hear([[0x83]]).failure?.code == .protocolError)
        #expect(hear([[0x89, 0x7E]]).failure?.code == .protocolError)
        #expect(hear([[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0]]).failure?.code == .tooLarge)
        #expect(hear([[0x81, 0x05, 0xFF]]).failure?.code == .badContent)
    }

    @Test("end everything: what comes behind is not read")
    func last() {
        let heard = hear([frame(0x83) + frame(0x81, text("a")), frame(0x81, text("b"))])
        #expect(heard.count == 1)
    }

    @Test("a bomb is stopped while it is unpacked")
    func bomb() throws {
        // A megabyte of one letter in a kilobyte.
        var writer = MessageWriter(as: .server, compression: try agreed(Self.deflate), receivedWith: nil) { 0 }
        var buffer = ByteBuffer()
        let message = ReceivedMessage(.binary, [], framed: FramedPayload(bytes: [0], isCompressed: true))
        writer.write(message, changedTo: [UInt8](repeating: 0x61, count: 1 << 20), into: &buffer)
        let bytes = Array(buffer.readableBytesView)
        #expect(bytes.count < 8192)
        #expect(hear([bytes], try agreed(Self.deflate), limit: 65536).failure?.code == .tooLarge)
        #expect(contents(hear([bytes], try agreed(Self.deflate))).map(\.count) == [1 << 20])
    }
}
