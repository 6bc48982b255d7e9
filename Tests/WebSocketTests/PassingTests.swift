import FlowModel
import NIOCore
import Testing
import WebSocket

@Suite("A reader that passes frames on")
struct PassingTests {
    typealias Event = MessageReader.Event

    /// What a passing reader says; the bytes of passages that are neighbours are put together.
    static func pass(
        _ pieces: [[UInt8]], from sender: Sender, _ compression: Compression? = nil, limit: Int = 1 << 20
    ) -> (passed: [UInt8], messages: [PassedMessage], others: [Event]) {
        var reader = MessageReader(from: sender, compression: compression, limit: limit, passes: true)
        var passed: [UInt8] = [], messages: [PassedMessage] = [], others: [Event] = []
        for piece in pieces {
            reader.received(ByteBuffer(bytes: piece))
            while true {
                let event = reader.next()
                if event == .needMore { break }
                if case .passage(let passage) = event {
                    passed += Array(buffer: passage.bytes)
                    if let message = passage.message { messages.append(message) }
                } else {
                    others.append(event)
                }
            }
        }
        return (passed, messages, others)
    }

    @Test("gives every frame of a message as it came, and hears what one that waits hears", arguments: ReaderTests.table)
    func verbatim(_ this: ReaderTests.Case) {
        let heard = hear([this.bytes], from: this.from)
        for pieces in [[this.bytes]] + cuts(this.bytes) {
            let result = Self.pass(pieces, from: this.from)
            #expect(result.messages.map(\.content) == contents(heard))
            #expect(result.others == heard.filter { if case .message = $0 { false } else { true } })
            #expect(result.passed == Self.dataFrames(this.bytes), "\(pieces)")
        }
    }

    /// The input without its control frames, and without what is behind a close frame.
    private static func dataFrames(_ input: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var rest = input[...]
        while rest.count >= 2 {
            let first = rest[rest.startIndex], second = rest[rest.startIndex + 1]
            var size = 2 + (second & 0x80 != 0 ? 4 : 0)
            switch second & 0x7F {
            case 126:
                size += 2 + Int(rest[rest.startIndex + 2]) << 8 + Int(rest[rest.startIndex + 3])
            case let length: size += Int(length)
            }
            if first & 0x0F == 8 { break }
            if first & 0x08 == 0 { output += rest.prefix(size) }
            rest = rest.dropFirst(size)
        }
        return output
    }

    @Test("gives the first bytes of a frame before the others are there")
    func early() {
        let bytes = masked(0x81, text("Hello"))
        var reader = MessageReader(from: .client, compression: nil, limit: 100, passes: true)
        reader.received(ByteBuffer(bytes: bytes[..<6]))
        #expect(reader.next() == .passage(Passage(ByteBuffer(bytes: bytes[..<6]), endsFrame: false)))
        #expect(reader.next() == .needMore)
        reader.received(ByteBuffer(bytes: bytes[6..<8]))
        #expect(reader.next() == .passage(Passage(ByteBuffer(bytes: bytes[6..<8]), endsFrame: false)))
        reader.received(ByteBuffer(bytes: bytes[8...]))
        let last = Passage(ByteBuffer(bytes: bytes[8...]), endsFrame: true, message: PassedMessage(.text, text("Hello")))
        #expect(reader.next() == .passage(last))
        #expect(!reader.isInside)
    }

    @Test("lets a message of any size pass, and keeps what is within the limit", arguments: [false, true])
    func large(isInFragments: Bool) {
        let content = [UInt8](repeating: 7, count: 101)
        let large = isInFragments ? frame(0x02, Array(content[..<50])) + frame(0x80, Array(content[50...])) : frame(0x82, content)
        let exact = frame(0x82, Array(content[..<100]))
        let result = Self.pass([large + exact], from: .server, limit: 100)
        #expect(result.passed == large + exact)
        #expect(result.messages == [PassedMessage(.binary, nil), PassedMessage(.binary, Array(content[..<100]))])
        #expect(result.others.isEmpty)
    }

    @Test("lets what unpacks to more than the limit pass; later messages still refer to it")
    func bomb() throws {
        let compression = try #require(try agreed("permessage-deflate"))
        var writer = MessageWriter(as: .server, compression: compression, receivedWith: nil) { 0 }
        var buffer = ByteBuffer()
        let contents = [[UInt8](repeating: 65, count: 100_000), text("small"), [UInt8](repeating: 65, count: 90)]
        for content in contents {
            let framed = FramedPayload(bytes: content, isCompressed: true)
            writer.write(ReceivedMessage(.text, content, framed: framed), changedTo: content, into: &buffer)
        }
        let bytes = Array(buffer: buffer)
        for pieces in [[bytes], bytes.map { [$0] }] {
            let result = Self.pass(pieces, from: .server, compression, limit: 100)
            #expect(result.passed == bytes)
            #expect(result.messages == [PassedMessage(.text, nil)] + contents[1...].map { PassedMessage(.text, $0) })
            #expect(result.others.isEmpty)
        }
    }

    @Test("finds text that is none in what is too large to be kept")
    func badText() {
        let bytes = frame(0x01, [UInt8](repeating: 65, count: 200)) + frame(0x80, [0xFF])
        let result = Self.pass([bytes], from: .server, limit: 100)
        #expect(result.others.failure?.code == .badContent)
        #expect(result.passed == Array(bytes.prefix(204)), "nothing of a piece that is wrong passes")
    }

    @Test(
        "never traps, finds what one that waits finds, and passes nothing behind that", arguments: [1, 2] as [UInt64],
        [Sender.client, .server])
    func mutations(seed: UInt64, sender: Sender) throws {
        var random = SeededGenerator(state: seed)
        let compressions = [
            nil, try agreed("permessage-deflate"),
            try agreed("permessage-deflate; client_no_context_takeover; server_no_context_takeover"),
        ]
        for round in 0..<3000 {
            let input = FuzzTests.mutation(&random)
            let compression = compressions[round % 3]
            let heard = hear([input], from: sender, compression, limit: 1 << 20)
            let whole = Self.pass([input], from: sender, compression)
            let cut = Self.pass(FuzzTests.pieces(input, &random), from: sender, compression)
            #expect(cut.messages == whole.messages, "\(input)")
            #expect(cut.others == whole.others, "\(input)")
            // No size is wrong here.
            if heard.failure?.code == .tooLarge { continue }
            #expect(whole.messages.map(\.content) == contents(heard), "\(input)")
            #expect(whole.others == heard.filter { if case .message = $0 { false } else { true } }, "\(input)")
            #expect(whole.passed.count <= input.count)
        }
    }
}
