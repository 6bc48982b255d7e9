import NIOCore
import Testing

@testable import RawTCP

/// In which messages what waits is given out.
struct WaitingPiecesTests {
    private func rest(_ waiting: inout WaitingPieces) -> [String] {
        var messages: [String] = []
        while let next = waiting.next() { messages.append(String(buffer: next)) }
        return messages
    }

    @Test("pieces keep their order and their bounds")
    func order() {
        var waiting = WaitingPieces()
        #expect(waiting.isEmpty && waiting.next() == nil)
        for text in ["one", "", "two", "three"] { waiting.append(ByteBuffer(string: text)) }
        #expect(waiting.bytes == 11)
        #expect(rest(&waiting) == ["one", "two", "three"])
        #expect(waiting.isEmpty && waiting.bytes == 0)
    }

    @Test("a long piece is given out in several, and none of it is lost", arguments: [-1, 0, 1, 32 * 1024, 100_000])
    func cut(_ more: Int) {
        let size = WaitingPieces.maximumMessage + more
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        var waiting = WaitingPieces()
        waiting.append(ByteBuffer(bytes: bytes))
        waiting.append(ByteBuffer(string: "behind"))
        var messages: [[UInt8]] = []
        while let next = waiting.next() {
            messages.append(Array(next.readableBytesView))
            #expect(waiting.bytes == size + 6 - messages.reduce(0) { $0 + $1.count })
        }
        #expect(messages.allSatisfy { (1...WaitingPieces.maximumMessage).contains($0.count) })
        #expect(messages.dropLast().flatMap { $0 } == bytes && messages.last == Array("behind".utf8))
    }

    @Test("behind very many pieces what comes joins the last, but for what is a message of its own")
    func joined() {
        var waiting = WaitingPieces()
        for _ in 0..<64 { waiting.append(ByteBuffer(string: "a")) }
        waiting.append(ByteBuffer(string: "b"))
        waiting.append(ByteBuffer(string: "c"))
        waiting.appendWhole(ByteBuffer(string: "own"))
        waiting.append(ByteBuffer(string: "d"))
        waiting.append(ByteBuffer(string: "e"))
        #expect(waiting.bytes == 71)
        #expect(rest(&waiting) == [String](repeating: "a", count: 63) + ["abc", "own", "de"])
    }

    @Test("what joins a piece that is given out in part comes behind its rest")
    func joinsRest() {
        var waiting = WaitingPieces()
        waiting.append(ByteBuffer(repeating: 0x61, count: WaitingPieces.maximumMessage + 1))
        #expect(waiting.next()?.readableBytes == WaitingPieces.maximumMessage)
        waiting.append(ByteBuffer(string: "b"))
        #expect(rest(&waiting) == ["a", "b"])
    }

    @Test("nothing is left after removeAll")
    func removed() {
        var waiting = WaitingPieces()
        waiting.append(ByteBuffer(string: "a"))
        waiting.removeAll()
        #expect(waiting.isEmpty && waiting.bytes == 0 && waiting.next() == nil)
    }
}
