import Codings
import FlowModel
import HTTPExchange
import NIOCore
import NIOEmbedded
import ProxyKernel
import Testing

@Suite struct CodingStageTests {
    static let stacks = ["gzip", "deflate", "br", "zstd", "gzip, gzip", "br, gzip", "zstd, br, deflate"]

    @Test(
        "a body that is decoded and encoded again is the same, wherever it was cut and whenever its receiver paused",
        arguments: stacks)
    func roundTrips(names: String) throws {
        var dice = Dice(seed: 1)
        for size in [0, 1, 1000, 300_000, 2_000_000] {
            let body = dice.body(size)
            let coded = ByteBuffer(bytes: try ContentEncoder.encode(body, codings: ContentCoding.stack(names)))
            let line = try Line(names)
            let between = Between()
            line.source.pass(through: line.decoding).pass(through: between).pass(through: line.encoding).join(line.taker)
            try line.run(coded, pauses: &dice)
            #expect(line.taker.end == .ended)
            #expect(between.bytes == body)
            #expect(try ContentDecoder.decode(line.taker.bytes, codings: ContentCoding.stack(names)) == body)
        }
    }

    @Test("what is encoded leaves with its piece", arguments: stacks)
    func flushes(names: String) throws {
        let line = try Line(names)
        line.source.pass(through: line.encoding).join(line.taker)
        var decoder = try ContentDecoder(ContentCoding.stack(names))
        for event in ["data: one\n\n", "data: two\n\n", String(repeating: "x", count: 100_000), "."] {
            let before = line.taker.bytes.count
            line.source.received(ByteBuffer(string: event))
            #expect(try decoder.decode(Array(line.taker.bytes[before...])) == Array(event.utf8))
        }
    }

    @Test("what little data unpacks to comes as its receiver wants it, and leaves the loop to others", arguments: ["br", "zstd"])
    func unpacksSlowly(names: String) throws {
        let zeros = [UInt8](repeating: 0, count: 8 << 20)
        let coded = ByteBuffer(bytes: try ContentEncoder.encode(zeros, codings: ContentCoding.stack(names)))
        let line = try Line(names, ratio: .max)
        line.taker.room = 3
        line.source.pass(through: line.decoding).join(line.taker)
        line.source.received(coded)
        #expect(line.taker.bytes.count == 3 << 16)
        #expect(!line.decoding.takesBody)
        #expect(!line.isReading)
        line.source.ended(trailers: nil)
        line.taker.take(.max)
        // A turn is half a mebibyte.
        #expect(line.taker.bytes.count < 1 << 20)
        var turns = 0
        while line.taker.end == nil, turns < 100 {
            let before = line.taker.bytes.count
            line.loop.run()
            turns += 1
            try #require(line.taker.bytes.count > before || line.taker.end != nil)
        }
        #expect(line.taker.bytes == zeros)
    }

    @Test(
        "a bomb fails its body soon, and what follows is dropped",
        arguments: [("gzip", 100), ("br", 1000), ("zstd", 1000), ("gzip, gzip", 1000)])
    func bombs(names: String, ratio: Int) throws {
        let zeros = [UInt8](repeating: 0, count: 256 << 20)
        let coded = ByteBuffer(bytes: try ContentEncoder.encode(zeros, codings: ContentCoding.stack(names)))
        let line = try Line(names, ratio: ratio)
        line.source.pass(through: line.decoding).join(line.taker)
        line.source.received(coded)
        line.loop.run()
        let failure = try #require(line.taker.failure)
        #expect(failure.status == 502)
        #expect(failure.note.contains("server 192.0.2.1:80"))
        #expect(failure.note.contains("more than \(ratio) times its size"))
        #expect(line.taker.bytes.count <= ratio * coded.readableBytes)
        #expect(line.decoding.takesBody)
        line.source.received(coded)
        line.source.ended(trailers: nil)
        #expect(line.taker.end == .failed)
    }

    @Test("a body that is cut off or bad fails, and its end is the last that is heard", arguments: stacks)
    func badData(names: String) throws {
        let coded = try ContentEncoder.encode(Array("a body".utf8), codings: ContentCoding.stack(names))
        for bytes in [Array(coded.dropLast(2)), Array(repeating: 0x55, count: 300)] {
            let line = try Line(names)
            line.source.pass(through: line.decoding).join(line.taker)
            line.source.received(ByteBuffer(bytes: bytes))
            line.source.ended(trailers: nil)
            let failure = try #require(line.taker.failure)
            #expect(failure.what == .badMessage(status: 400))
            #expect(failure.note.hasPrefix("the body that server 192.0.2.1:80 sent cannot be decoded: "))
        }
    }

    @Test("trailers and failures pass")
    func ends() throws {
        let coded = ByteBuffer(bytes: try ContentEncoder.encode(Array("a body".utf8), codings: [.gzip]))
        let line = try Line("gzip")
        line.source.pass(through: line.decoding).pass(through: line.encoding).join(line.taker)
        line.source.received(coded)
        var trailers = Headers()
        trailers.append(name: "x-sum", value: "1")
        line.source.ended(trailers: trailers)
        #expect(line.taker.trailers == trailers)

        let broken = try Line("gzip")
        broken.source.pass(through: broken.decoding).pass(through: broken.encoding).join(broken.taker)
        broken.source.received(coded)
        broken.source.failed(.clientGone)
        #expect(broken.taker.failure?.what == .cancelled)
    }

    @Test("a body without codings needs no stages; unknown codings are refused by name")
    func factory() throws {
        let loop = EmbeddedEventLoop()
        for names in ["identity", nil] {
            let none = Line.codings(names)
            #expect(try none.decodingStage(of: "a peer", fault: .server, limits: CodingLimits(), on: loop) == nil)
            #expect(try none.encodingStage(on: loop) == nil)
        }
        let odd = Line.codings("lzma, gzip")
        #expect(throws: CodingFailure.unknown(token: "lzma")) {
            try odd.decodingStage(of: "a peer", fault: .server, limits: CodingLimits(), on: loop)
        }
        #expect(throws: CodingFailure.unknown(token: "lzma")) { try odd.encodingStage(on: loop) }
    }
}

/// A producer, the stages of a message, and a receiver.
private final class Line {
    let loop = EmbeddedEventLoop()
    let decoding: any BodyStage
    let encoding: any BodyStage
    let taker = Taker()
    private(set) var isReading = true
    private(set) lazy var source = BodyPipe { [unowned self] in isReading = $0 }

    init(_ names: String, ratio: Int = 1000) throws {
        let codings = Self.codings(names)
        let limits = CodingLimits(maximumSize: .max, maximumRatio: ratio)
        decoding = try #require(
            try codings.decodingStage(of: "server 192.0.2.1:80", fault: .server, limits: limits, on: loop))
        encoding = try #require(try codings.encodingStage(on: loop))
    }

    static func codings(_ names: String?) -> BodyCodings {
        var headers = Headers()
        if let names { headers.append(name: "content-encoding", value: ByteString(names)) }
        return BodyCodings(headers)
    }

    /// Sends the body in pieces, as long as it may, to a receiver that pauses.
    func run(_ body: ByteBuffer, pauses dice: inout Dice) throws {
        var rest = body
        var isEnded = false
        taker.room = 2
        for _ in 0..<1_000_000 where taker.end == nil {
            if rest.readableBytes > 0 {
                if isReading, let piece = rest.readSlice(length: min(rest.readableBytes, dice.roll(70_000))) {
                    source.received(piece)
                }
            } else if !isEnded {
                isEnded = true
                source.ended(trailers: nil)
            }
            if dice.roll(3) == 1 { taker.take(dice.roll(3)) }
            loop.run()
        }
        try #require(isEnded)
    }
}

/// Passes a body on, and remembers it.
private final class Between: BodyStage {
    private(set) var bytes: [UInt8] = []
    private(set) lazy var output = BodyPipe { [unowned self] reads in
        takesBody = reads
        if reads { feeding?.sinkIsReady() }
    }
    private(set) var takesBody = true
    weak var feeding: (any BodySource)?

    func body(_ new: ByteBuffer) {
        bytes += new.readableBytesView
        output.received(new)
    }
    func bodyEnded(trailers: Headers?) { output.ended(trailers: trailers) }
    func bodyFailed(_ failure: ProxyFailure) { output.failed(failure) }
}

/// Takes as many pieces as it has room for, and one more.
private final class Taker: BodySink {
    enum End { case ended, failed }

    var room = Int.max
    private(set) var bytes: [UInt8] = []
    private(set) var trailers: Headers?
    private(set) var failure: ProxyFailure?
    private(set) var end: End?
    weak var feeding: (any BodySource)?

    var takesBody: Bool { room > 0 }

    func take(_ more: Int) {
        room = more
        feeding?.sinkIsReady()
    }

    func body(_ new: ByteBuffer) {
        #expect(end == nil)
        bytes += new.readableBytesView
        room -= 1
    }

    func bodyEnded(trailers: Headers?) {
        #expect(end == nil)
        self.trailers = trailers
        end = .ended
    }

    func bodyFailed(_ failure: ProxyFailure) {
        #expect(end == nil)
        self.failure = failure
        end = .failed
    }
}

/// The same numbers every time.
private struct Dice {
    var seed: UInt64

    /// 1 to `sides`.
    mutating func roll(_ sides: Int) -> Int {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return 1 + Int(seed >> 33) % sides
    }

    /// Words and noise and blanks.
    mutating func body(_ size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < size {
            switch roll(3) {
            case 1: bytes += Array(repeating: UInt8(roll(255)), count: roll(50_000))
            case 2: for _ in 0..<roll(200) { bytes += Array("word \(roll(1000)) ".utf8) }
            default: for _ in 0..<roll(20_000) { bytes.append(UInt8(roll(255))) }
            }
        }
        return Array(bytes.prefix(size))
    }
}
