import FlowModel
import NIOCore
import Testing
import WebSocket

@Suite("What a peer is sent")
struct WriterTests {
    /// The frames for what `body` writes, as bytes.
    private func written(_ writer: inout MessageWriter, _ body: (inout MessageWriter, inout ByteBuffer) -> Void) -> [UInt8] {
        var buffer = ByteBuffer()
        body(&writer, &buffer)
        return Array(buffer.readableBytesView)
    }

    private func writer(_ sender: Sender = .server, _ field: String? = nil) throws -> MessageWriter {
        let compression = try field.flatMap(agreed)
        return MessageWriter(as: sender, compression: compression, receivedWith: compression) { 0x37FA_213D }
    }

    @Test(
        "an unchanged message goes on byte for byte in its own frames",
        arguments: [
            frame(0x81, text("Hello")), frame(0x81), frame(0x01, text("Hel")) + frame(0x00) + frame(0x80, text("lo")),
            frame(0x82, [UInt8](repeating: 5, count: 126)), frame(0x82, [UInt8](repeating: 5, count: 65536)),
            frame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
            frame(0x41, [0xF2, 0x48, 0xCD]) + frame(0x80, [0xC9, 0xC9, 0x07, 0x00]),
        ])
    func unchanged(bytes: [UInt8]) throws {
        var writer = try writer(.server, CompressionTests.deflate)
        let message = try #require(messages(hear([bytes], try agreed(CompressionTests.deflate))).first)
        #expect(written(&writer) { $0.write(message, changedTo: nil, into: &$1) } == bytes)
    }

    @Test("as a client, every frame is masked")
    func masks() throws {
        var writer = try writer(.client)
        let message = try #require(messages(hear([frame(0x01, text("Hel")) + frame(0x80, text("lo"))])).first)
        #expect(
            written(&writer) { $0.write(message, changedTo: nil, into: &$1) } == masked(0x01, text("Hel"))
                + masked(0x80, text("lo")))
        #expect(written(&writer) { $0.writePing(text("p"), into: &$1) } == masked(0x89, text("p")))
        #expect(written(&writer) { $0.writePong([], into: &$1) } == masked(0x8A))
        #expect(written(&writer) { $0.writeClose(CloseFrame(code: nil), into: &$1) } == masked(0x88))
        #expect(written(&writer) { $0.writeInjected(.binary, [1, 2], into: &$1) } == masked(0x82, [1, 2]))
    }

    @Test("a changed message goes on in one frame")
    func changed() throws {
        var writer = try writer()
        let message = try #require(messages(hear([frame(0x01, text("Hel")) + frame(0x80, text("lo"))])).first)
        #expect(written(&writer) { $0.write(message, changedTo: text("other"), into: &$1) } == frame(0x81, text("other")))
    }

    @Test("a long reason is cut between two characters")
    func reason() throws {
        var writer = try writer()
        let close = CloseFrame(code: .goingAway, reason: String(repeating: "€", count: 60))
        let bytes = written(&writer) { $0.writeClose(close, into: &$1) }
        #expect(hear([bytes]) == [.close(CloseFrame(code: .goingAway, reason: String(repeating: "€", count: 41)))])
    }

    /// What a sender compresses in one context reaches a receiver that has seen some of it changed, dropped or added.
    @Test(
        "whatever happens to messages, the receiver's context fits",
        arguments: [
            "permessage-deflate", "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=12; client_no_context_takeover",
        ], [1, 2, 3] as [UInt64])
    func contexts(field: String, seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        // The origin's compressor is a writer that has no earlier messages to be in step with.
        let compression = try agreed(field)
        var origin = MessageWriter(as: .server, compression: compression, receivedWith: nil) { 0 }
        var between = MessageReader(from: .server, compression: compression, limit: 1 << 20)
        var proxy = try writer(.server, field)
        var receiver = MessageReader(from: .server, compression: compression, limit: 1 << 20)
        var expected: [[UInt8]] = [], heard: [[UInt8]] = []
        for _ in 0..<300 {
            let words = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                ["lorem ", "ipsum ", "dolor "].randomElement(using: &random) ?? ""
            }
            let content = text(words.joined())
            let packed = ReceivedMessage(
                .text, content, framed: FramedPayload(bytes: [0], isCompressed: Bool.random(using: &random)))
            let sent = written(&origin) { $0.write(packed, changedTo: content, into: &$1) }
            between.received(ByteBuffer(bytes: sent))
            guard case .message(let message) = between.next() else { return #expect(Bool(false)) }
            #expect(message.content == content)
            var passed: [UInt8] = []
            switch Int.random(in: 0..<20, using: &random) {
            case 0: proxy.dropped(message)
            case 1:
                let other = text("changed ") + content
                passed = written(&proxy) { $0.write(message, changedTo: other, into: &$1) }
                expected.append(other)
            case 2:
                passed =
                    written(&proxy) { $0.writeInjected(.text, text("injected"), into: &$1) }
                    + written(&proxy) { $0.write(message, changedTo: nil, into: &$1) }
                expected += [text("injected"), content]
            default:
                passed = written(&proxy) { $0.write(message, changedTo: nil, into: &$1) }
                expected.append(content)
            }
            receiver.received(ByteBuffer(bytes: passed))
            while case .message(let message) = receiver.next() { heard.append(message.content) }
        }
        #expect(heard == expected)
    }

    @Test("with a window of 8 bits, a message that must be made anew is not compressed")
    func smallWindow() throws {
        let field = "permessage-deflate; server_max_window_bits=8"
        var writer = try writer(.server, field)
        let message = try #require(
            messages(hear([frame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])], try agreed(field))).first)
        #expect(written(&writer) { $0.write(message, changedTo: text("Hallo"), into: &$1) } == frame(0x81, text("Hallo")))
    }

    @Test("sides that agreed on different things are translated")
    func translation() throws {
        let compression = try agreed("permessage-deflate")
        let bytes = frame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
        let message = try #require(messages(hear([bytes], compression)).first)
        var plain = MessageWriter(as: .server, compression: nil, receivedWith: compression) { 0 }
        #expect(written(&plain) { $0.write(message, changedTo: nil, into: &$1) } == frame(0x81, text("Hello")))
    }
}
