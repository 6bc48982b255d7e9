import FlowModel
import Testing
import WebSocket

@Suite("Messages and control frames")
struct ReaderTests {
    typealias Event = MessageReader.Event

    struct Case: CustomTestStringConvertible {
        let what: String
        var from = Sender.server
        let bytes: [UInt8]
        let events: [Event]
        var testDescription: String { what }
    }

    static let long = [UInt8]((0..<70000).map { UInt8($0 % 251) })

    static let table: [Case] = [
        Case(what: "a text", bytes: frame(0x81, text("Hello")), events: [received(.text, text("Hello"))]),
        Case(
            what: "the RFC's masked text", from: .client,
            bytes: [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], events: [received(.text, text("Hello"))]),
        Case(what: "an empty text", bytes: frame(0x81), events: [received(.text, [])]),
        Case(what: "an empty binary message", from: .client, bytes: masked(0x82), events: [received(.binary, [])]),
        Case(
            what: "fragments", bytes: frame(0x01, text("Hel")) + frame(0x00) + frame(0x80, text("lo")),
            events: [received(.text, text("Hello"), cuts: [3, 0])]),
        Case(
            what: "a character over fragments", bytes: frame(0x01, [0xE2]) + frame(0x00, [0x82]) + frame(0x80, [0xAC]),
            events: [received(.text, text("€"), cuts: [1, 1])]),
        Case(
            what: "control frames between fragments", from: .client,
            bytes: masked(0x02, [1, 2]) + masked(0x89, text("p")) + masked(0x00, [3]) + masked(0x8A, text("q"))
                + masked(0x80, [4]),
            events: [.ping(text("p")), .pong(text("q")), received(.binary, [1, 2, 3, 4], cuts: [2, 1])]),
        Case(
            what: "a close frame inside a message", bytes: frame(0x01, text("a")) + frame(0x88, [0x03, 0xE8]),
            events: [.close(CloseFrame(code: CloseCode(rawValue: 1000)))]),
        Case(what: "a close frame without a code", bytes: frame(0x88), events: [.close(CloseFrame(code: nil))]),
        Case(
            what: "a close frame with a reason, and what stands behind it", from: .client,
            bytes: masked(0x88, [0x0F, 0xA0] + text("tschüß")) + masked(0x81, text("late")),
            events: [.close(CloseFrame(code: CloseCode(rawValue: 4000), reason: "tschüß"))]),
        Case(
            what: "a ping of 125 bytes", bytes: frame(0x89, [UInt8](repeating: 7, count: 125)),
            events: [.ping([UInt8](repeating: 7, count: 125))]),
        Case(
            what: "126 bytes", bytes: frame(0x82, Array(long.prefix(126))), events: [received(.binary, Array(long.prefix(126)))]),
        Case(
            what: "texts of every length of character", from: .client, bytes: masked(0x81, text("aé€😀\u{0}\u{10FFFF}")),
            events: [received(.text, text("aé€😀\u{0}\u{10FFFF}"))]),
    ]

    @Test("mean the same however they are cut", arguments: table)
    func events(_ this: Case) {
        #expect(hear([this.bytes], from: this.from) == this.events)
        for pieces in cuts(this.bytes) { #expect(hear(pieces, from: this.from) == this.events, "\(pieces)") }
    }

    @Test("of 65,536 bytes and more are read with the long length", arguments: [Sender.client, .server])
    func long(sender: Sender) {
        let bytes = sender == .client ? masked(0x82, Self.long) : frame(0x82, Self.long)
        #expect(hear([bytes], from: sender) == [received(.binary, Self.long)])
        #expect(
            hear([Array(bytes[..<9]), Array(bytes[9..<33000]), Array(bytes[33000...])], from: sender) == [
                received(.binary, Self.long)
            ])
    }

    @Test(
        "all close codes that a frame may have are taken",
        arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
    func codes(code: Int) {
        let heard = hear([frame(0x88, [UInt8(code >> 8), UInt8(code & 0xFF)])])
        #expect(heard == [.close(CloseFrame(code: CloseCode(rawValue: code)))])
    }

    @Test("a message of very many frames is whole, and remembers a bounded number of cuts")
    func manyFrames() {
        let bytes = frame(0x02, [1]) + (0..<5000).flatMap { _ in frame(0x00, [2]) } + frame(0x80, [3])
        guard case .message(let message) = hear([bytes]).first else { return #expect(Bool(false)) }
        #expect(message.content.count == 5002)
        #expect(message.framed.cuts.count == 1024)
    }
}
