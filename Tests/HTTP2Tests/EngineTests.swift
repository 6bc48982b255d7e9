import CNghttp2
import FlowModel
import NIOCore
import Testing

@testable import HTTP2

struct EngineTests {
    @Test(
        "a request and its response arrive whole, however the bytes are cut, and whoever rests",
        arguments: [0, 1, 2, 3, 7, 9, 100], [false, true])
    func dialogue(_ pieces: Int, _ rests: Bool) {
        let pair = Pair()
        pair.pieces = pieces
        pair.rests = rests
        let stream = pair.request(Pair.post, ["x-one": "1", "x-two": "2"], hasBody: true)
        pair.client.send(ByteBuffer(string: "hello "), on: stream)
        pair.client.send(ByteBuffer(string: "world"), on: stream)
        pair.client.end(stream, trailers: ["x-sum": "11"])
        pair.run()
        #expect(
            pair.atServer.lines == [
                "1 POST https example.org /b [x-one: 1] [x-two: 2]", "1 'hello world'", "1  [x-sum: 11] end", "1 ended",
            ])
        pair.respond(stream, 201, ["Server": "test"], hasBody: true)
        pair.server.send(ByteBuffer(string: "made"), on: stream)
        pair.server.end(stream, trailers: nil)
        pair.run()
        #expect(pair.atClient.lines == ["1 201 [server: test]", "1 'made'", "1 ended", "1 closed NO_ERROR"])
    }

    @Test("a message without a body ends with its fields")
    func noBody() {
        let pair = Pair()
        let stream = pair.request(Pair.get)
        pair.run()
        pair.respond(stream, 204)
        pair.run()
        #expect(pair.atServer.lines.first == "1 GET https example.org /a end")
        #expect(pair.atClient.lines == ["1 204 end", "1 ended", "1 closed NO_ERROR"])
    }

    @Test("interim responses come before the final one")
    func interim() {
        let pair = Pair()
        let stream = pair.request(Pair.get)
        pair.run()
        var hints = FieldList(status: 103, ["link": "</a.css>"])
        pair.server.submitInterim(&hints, on: stream)
        pair.respond(stream)
        pair.run()
        #expect(pair.atClient.lines.prefix(2) == ["1 103 [link: </a.css>]", "1 200 end"])
    }

    @Test(
        "a body beyond the stream's window waits until its receiver has taken it, and holds up no other stream",
        arguments: [false, true])
    func window(_ rests: Bool) {
        var limits = EngineLimits()
        limits.streamWindow = 100_000
        let pair = Pair(limits: limits)
        pair.rests = rests
        let (slow, quick) = (pair.request(Pair.get), pair.request(Pair.get))
        pair.run()
        pair.respond(slow, hasBody: true)
        pair.server.send(ByteBuffer(repeating: 0x61, count: 1_000_000), on: slow)
        pair.server.end(slow, trailers: nil)
        pair.run()
        #expect(!pair.server.takesBody(slow))
        pair.respond(quick, hasBody: true)
        pair.server.send(ByteBuffer(string: "quick"), on: quick)
        pair.server.end(quick, trailers: nil)
        pair.run()
        #expect(pair.atClient.lines.contains("3 'quick'"))
        #expect(!pair.atClient.lines.contains("1 ended"))
        for _ in 0..<10 {
            pair.client.consume(100_000, on: slow)
            pair.run()
        }
        #expect(pair.atClient.lines.contains("1 ended"))
        #expect(pair.atServer.lines.contains("1 drained"))
    }

    @Test("a reset reaches the other side with its code")
    func reset() {
        let pair = Pair()
        let stream = pair.request(Pair.post, hasBody: true)
        pair.run()
        pair.server.reset(stream, NGHTTP2_REFUSED_STREAM)
        pair.run()
        #expect(pair.atClient.lines == ["1 closed REFUSED_STREAM"])
    }

    @Test("after GOAWAY what is open goes on")
    func goAway() {
        let pair = Pair()
        let stream = pair.request(Pair.get)
        pair.run()
        pair.server.goAway()
        pair.respond(stream)
        pair.run()
        #expect(pair.atClient.lines == ["goaway 1 NO_ERROR", "1 200 end", "1 ended", "1 closed NO_ERROR"])
        #expect(!pair.client.mayOpenStreams)
    }

    @Test("what waits on a stream leaves in pieces of the size that was asked for, whoever rests", arguments: [false, true])
    func pieces(_ rests: Bool) {
        var limits = EngineLimits()
        limits.streamWindow = 8 << 20
        let pair = Pair(limits: limits)
        let stream = pair.request(Pair.get)
        pair.run()
        pair.respond(stream, hasBody: true)
        let whole = String((0..<(4 << 20)).map { Character(UnicodeScalar(UInt8(97 + $0 / 997 % 26))) })
        var rest = ByteBuffer(string: whole)
        while let chunk = rest.readSlice(length: min(256 << 10, rest.readableBytes)), chunk.readableBytes > 0 {
            pair.server.send(chunk, on: stream)
        }
        pair.server.end(stream, trailers: nil)
        var longest = 0, count = 0
        while true {
            let bytes = pair.server.take(limit: 64 << 10)
            if rests { pair.server.rest() }
            guard bytes.readableBytes > 0 else { break }
            longest = max(longest, bytes.readableBytes)
            count += 1
            _ = pair.client.feed(bytes, now: .now())
        }
        // A frame has 16 KiB at most.
        #expect(longest < 81 << 10)
        #expect(count > 50)
        #expect(pair.atClient.lines.contains("\(stream) '\(whole)'"))
    }

    @Test("a request that came in HTTP/1 becomes the first stream")
    func upgrade() {
        let server = Engine(.server, limits: EngineLimits())
        // INITIAL_WINDOW_SIZE 65,535.
        #expect(server.upgrade(settings: [0, 4, 0, 0, 0xFF, 0xFF], isHead: false))
        #expect(!Engine(.server, limits: EngineLimits()).upgrade(settings: [1, 2, 3], isHead: false))
    }

    @Test(
        "what is not HTTP/2 ends the connection",
        arguments: ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrubbish and more"])
    func rubbish(_ text: String) {
        let server = Engine(.server, limits: EngineLimits())
        _ = server.feed(ByteBuffer(string: text), now: .now())
        _ = server.take(limit: 64 * 1024)
        #expect(!server.isAlive)
        #expect(server.complaint != nil)
    }

    @Test("no input crashes the engine, whichever side it plays")
    func fuzz() {
        var random = Seeded(state: 7)
        let pair = Pair()
        _ = pair.request(Pair.post, ["a": "b"], hasBody: true)
        let valid = Array(pair.client.take(limit: 64 * 1024).readableBytesView)
        for round in 0..<2000 {
            var bytes = valid
            for _ in 0...(round % 8) {
                bytes[Int.random(in: (round % 2 == 0 ? 24 : 0)..<bytes.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            for role in [Engine.Role.server, .client] {
                let engine = Engine(role, limits: EngineLimits())
                let listener = Listener()
                engine.events = listener
                _ = engine.feed(ByteBuffer(bytes: role == .server ? bytes : Array(bytes.dropFirst(24))), now: .now())
                _ = engine.take(limit: 64 * 1024)
            }
        }
    }
}

/// Numbers that are the same each time.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
