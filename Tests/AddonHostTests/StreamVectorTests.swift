import AddonWire
import FlowModel
import Foundation
import NIOCore
import Schema
import Testing

@testable import AddonHost

/// The published dialogues that are about streams, as the rules of one stream each see them.
struct StreamVectorTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Protocol/vectors")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".json") && $0.contains("stream") }.map { String($0.dropLast(5)) }.sorted()
    }()

    @Test("the published dialogues are there")
    func dialoguesExist() { #expect(Self.names.count >= 10) }

    @Test("streams go as the published vector says", arguments: names)
    func dialogue(name: String) throws {
        // The reader takes one line, and a file has many: outside strings a line feed is a space.
        let text = try Data(contentsOf: Self.folder.appendingPathComponent("\(name).json")).map { $0 == 0x0A ? 0x20 : $0 }
        let steps = try #require(try JSONReader().read(text)["steps"]?.array)
        var play = StreamPlay()
        for (index, step) in steps.enumerated() { try play.step(step, "step \(index)") }
        #expect(!play.streams.isEmpty)
        #expect(play.streams.values.allSatisfy { $0.toWorker.isEmpty && $0.ends <= 1 })
    }
}

/// What the core says of a stream is either owed already or needs something of the original, which it then gets.
private struct StreamPlay {
    struct Played {
        var core: StreamCore
        var toWorker: [StreamCore.Action] = []
        /// How often the receiver was told of an end.
        var ends = 0

        mutating func note(_ actions: [StreamCore.Action]) {
            for action in actions {
                switch action {
                case .sendData, .sendCredit, .sendEnd, .sendReset: toWorker.append(action)
                case .deliverEnd, .deliverFailure: ends += 1
                case .deliver, .report, .over: break
                }
            }
        }
    }

    var streams: [Int: Played] = [:]
    private var window = 0
    /// The streams that events name, by the events' ids.
    private var offered: [Int: (number: Int, isPreview: Bool)] = [:]

    mutating func step(_ step: JSON, _ place: Comment) throws {
        if let message = step["core"] {
            if let credit = message["params"]?["limits"]?["stream_credit"]?.int { window = credit }
            let content = message["params"]?["flow"]?["response"]?["content"]
            if let id = message["id"]?.int, let number = content?["stream"]?.int {
                offered[id] = (number, content?["preview"] != nil)
            }
            if let number = message["params"]?["s"]?.int { try said(message, number, place) }
        } else if let message = step["worker"] {
            if let id = message["id"]?.int, let offer = offered[id], message["result"] != nil,
                !offer.isPreview || message["result"]?["more"] == "stream"
            {
                streams[offer.number] = Played(core: StreamCore(policy: .continue, timeout: 5000, window: window))
            }
            guard let number = message["params"]?["s"]?.int, let method = message["method"]?.string else { return }
            var stream = try #require(streams[number], place)
            #expect(stream.toWorker.isEmpty, place)
            stream.note(stream.core.received(method, message["params"] ?? .null, now: 0))
            streams[number] = stream
        }
    }

    private mutating func said(_ message: JSON, _ number: Int, _ place: Comment) throws {
        var stream = try #require(streams[number], place)
        let params = try #require(message["params"], place)
        let expected: StreamCore.Action
        switch message["method"]?.string {
        case "stream.data":
            let bytes = ByteBuffer(bytes: try ByteString.octets(params["data"] ?? .null, at: ""))
            expected = .sendData(bytes)
            if stream.toWorker.isEmpty { stream.note(stream.core.body(bytes, now: 0)) }
        case "stream.credit": expected = .sendCredit(try #require(params["bytes"]?.int, place))
        case "stream.end":
            let isDetached = params["detached"] == true
            let trailers = isDetached ? nil : try Headers?.read(params["trailers"] ?? .null, at: "")
            expected = .sendEnd(trailers: trailers, isDetached: isDetached)
            if stream.toWorker.isEmpty { stream.note(stream.core.bodyEnded(trailers: trailers, now: 0)) }
        case "stream.reset":
            let why = try #require(params["why"]?.string, place)
            expected = .sendReset(why)
            if stream.toWorker.isEmpty { stream.note(stream.core.bodyFailed("it left", why: why)) }
        default:
            Issue.record("no such notification: \(message) (\(place))")
            return
        }
        #expect(stream.toWorker.first == expected, place)
        stream.toWorker = Array(stream.toWorker.dropFirst())
        streams[number] = stream
    }
}
