import FlowModel
import NIOCore
import Testing

@testable import AddonHost

@Suite(.enabled(if: (try? BodyArea()) != nil, "before Linux 6.3 no memory file can be kept from being run"))
struct BodyAreaTests {
    private func body(_ count: Int, of byte: UInt8 = 7) -> ByteBuffer { ByteBuffer(repeating: byte, count: count) }

    private func place(_ slot: BodyArea.Slot?) throws -> (at: Int, size: Int, room: Int) {
        guard case .area(let at, let size, let room) = try #require(slot).reference else {
            throw BodyFileFailure("a slot is named otherwise")
        }
        return (at, size, room)
    }

    @Test("bodies stand in the lowest room that is free, with a quarter more, in whole pages")
    func lowest() throws {
        let area = try BodyArea()
        var slots = [area.place(body(100_000)), area.place(body(4096)), area.place(body(1))]
        let places = try slots.map { try place($0) }
        #expect(places.map(\.at) == [0, 126_976, 135_168] && places.map(\.room) == [126_976, 8192, 4096])
        #expect(places.map(\.size) == [100_000, 4096, 1])
        slots[1] = nil
        #expect(try place(area.place(body(8000))).at == 139_264)
        let again = area.place(body(6000))
        #expect(try place(again).at == 126_976)
        slots = []
        #expect(try place(area.place(body(100_000))).at == 0)
    }

    @Test("what is free is one piece again in whatever order rooms are given back")
    func joined() throws {
        for order in [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1]] {
            let area = try BodyArea()
            var slots = (0..<3).map { _ in area.place(body(200_000)) }
            for index in order { slots[index] = nil }
            // As many as an empty one takes.
            let all = (0..<64).compactMap { _ in area.place(body(200_000)) }
            #expect(all.count == BodyArea.size / 253_952)
        }
    }

    @Test("a full one takes nothing more, and a long body none takes")
    func full() throws {
        let area = try BodyArea()
        #expect(area.place(body(BodyArea.longestBody + 1)) == nil)
        var slots = (0..<100).compactMap { _ in area.place(body(BodyArea.longestBody)) }
        #expect(slots.count == BodyArea.size / (BodyArea.longestBody / 4 * 5))
        slots.removeFirst()
        #expect(area.place(body(BodyArea.longestBody)) != nil)
    }

    @Test("an answer is read within the rooms of its event alone")
    func read() throws {
        let area = try BodyArea()
        let slots = [area.place(body(5000, of: 1)), area.place(body(5000, of: 2))].compactMap { $0 }
        #expect(try BodyArea.read(5000, at: 0, in: slots) == body(5000, of: 1))
        #expect(try BodyArea.read(8192, at: 8192, in: slots).getInteger(at: 4999, as: UInt8.self) == 2)
        #expect(try BodyArea.read(0, at: 8192, in: slots) == ByteBuffer())
        for (count, offset) in [(8193, 0), (1, -1), (-1, 0), (1, 16384), (.max, 1), (2, 16383)] {
            let failure = #expect(throws: BodyFileFailure.self) { try BodyArea.read(count, at: offset, in: slots) }
            #expect("\(try #require(failure))".contains("expected a place within 8192 bytes at 0 or 8192 bytes at 8192"))
        }
    }
}
