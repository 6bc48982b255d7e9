import FlowModel
import NIOCore
import Schema
import Testing

@testable import FlowExport

@Suite struct HARTests {
    @Test(
        "times are ISO 8601 with microseconds and a zone",
        arguments: [
            (0, "1970-01-01T00:00:00+00:00"), (1_767_323_045.678, "2026-01-02T03:04:05.678000+00:00"),
            (951_782_400.000001, "2000-02-29T00:00:00.000001+00:00"), (-0.5, "1969-12-31T23:59:59.500000+00:00"),
            (.infinity, "1970-01-01T00:00:00+00:00"), (1e300, "1970-01-01T00:00:00+00:00"),
        ])
    func timeText(seconds: Double, text: String) {
        #expect(HARTime.text(seconds) == text)
    }

    @Test(
        "times are read with and without fractions and zones",
        arguments: [
            ("2026-01-02T03:04:05Z", 1_767_323_045), ("2026-01-02T03:04:05.5Z", 1_767_323_045.5),
            ("2026-01-02T03:04:05,5+01:00", 1_767_319_445.5), ("2026-01-02 03:04:05-0130", 1_767_328_445),
            ("2026-01-02T03:04", 1_767_323_040), ("2026-01-02T03:04:05.123456789123456789012+00", 1_767_323_045.123456789),
        ])
    func timeRead(text: String, seconds: Double) throws {
        let read = try #require(HARTime.seconds(text))
        #expect(abs(read - seconds) < 1e-6)
    }

    @Test(
        "what is no time is none",
        arguments: [
            "", "yesterday", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02T25:04:05Z", "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05+1",
            "2026-01-02T03:04:05Zx", "２026-01-02T03:04:05Z",
        ])
    func noTime(text: String) {
        #expect(HARTime.seconds(text) == nil)
    }

    @Test(
        "a URL is taken apart into what a request has",
        arguments: [
            ("http://h", "http h 80 /"), ("HTTPS://Ex.Ample/a?b#c", "https ex.ample 443 /a?b"),
            ("http://h:81?x", "http h 81 /?x"),
            ("http://[::1]:8080/", "http ::1 8080 /"), ("http://[::1]/", "http ::1 80 /"), ("http://u:p@h:9/", "http h 9 /"),
            ("wss://h/s", "https h 443 /s"), ("http://h/ä b", "http h 80 /%C3%A4%20b"), ("http://h:/", "http h 80 /"),
        ])
    func url(text: String, parts: String) throws {
        let url = try #require(HARURL(text))
        #expect("\(url.scheme) \(url.host) \(url.port) \(url.path)" == parts)
    }

    @Test(
        "what is no URL of HTTP is none",
        arguments: ["", "h", "/x", "http:", "http://", "http:///x", "http://h:x/", "http://h:0/", "data:x"])
    func noURL(text: String) {
        #expect(HARURL(text) == nil)
    }

    @Test("lone surrogates become U+FFFD, and pairs and escaped backslashes stay")
    func surrogates() {
        func fixed(_ text: String) -> String {
            String(decoding: HARDecoder.withoutLoneSurrogates(Array(text.utf8)), as: UTF8.self)
        }
        #expect(
            fixed(#""\udcff \ud83d\ude00 \ud83d \\udcff \uDC80\ud800""#) == #""\uFFFD \ud83d\ude00 \uFFFD \\udcff \uFFFD\uFFFD""#)
        #expect(fixed(#"\ud83d\u"#) == #"\uFFFD\u"#)
    }

    @Test("an entry of mitmproxy's with octets that are no text is read with U+FFFD for them")
    func surrogateEntry() throws {
        let json =
            #"{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"http://h/","headers":[["a","\udce4"]]}}"#
        let flow = try #require(try HARDecoder().flow(.init(index: 0, offset: 0, json: Array(json.utf8))))
        #expect(flow.request.headers.first("a") == "\u{FFFD}")
    }

    @Test("what is written of a flow is read as the same flow, and the archive is the same again")
    func roundTrip() throws {
        var flow = HTTPFlow(id: "x", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 1)
        flow.request.host = "h"
        flow.request.port = 8080
        flow.request.headers = ["Host": "h:8080", "Content-Type": "application/octet-stream"]
        flow.request.method = "PROPFIND"
        flow.request.content = .bytes(ByteBuffer(bytes: [0, 0xFF, 0x41]))
        flow.request.timestampEnd = 0.5
        flow.comment = "why"
        flow.response = Response()
        flow.response?.content = .omitted(1234)
        flow.response?.timestampStart = 1
        flow.response?.timestampEnd = 2
        var encoder = HAREncoder(creatorVersion: "1")
        let archive = encoder.head + encoder.entry(flow) + encoder.entry(flow) + HAREncoder.tail
        var splitter = HARSplitter()
        let entries = try splitter.feed(archive)
        try splitter.finish()
        #expect(entries.count == 2)
        let again = try #require(try HARDecoder().flow(entries[0]))
        #expect(again.request.content == flow.request.content && again.response?.content == .omitted(1234))
        #expect(again.request.method == "PROPFIND" && again.request.url == "http://h:8080/" && again.comment == "why")
        #expect(again.request.timestampEnd == 0.5 && again.response?.timestampStart == 1 && again.response?.timestampEnd == 2)
        #expect(try #require(try HARDecoder().flow(entries[1])).id != again.id)
    }

    @Test("a CONNECT is written with a URL that browsers' tools take, and read as what it was")
    func connect() throws {
        var flow = HTTPFlow(id: "x", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 1)
        (flow.request.method, flow.request.authority, flow.request.path) = ("CONNECT", "h:443", "")
        (flow.request.host, flow.request.port) = ("h", 443)
        flow.error = FlowError("refused", at: 1)
        var encoder = HAREncoder(creatorVersion: "1")
        var splitter = HARSplitter()
        let entries = try splitter.feed(encoder.head + encoder.entry(flow) + HAREncoder.tail)
        #expect(String(decoding: entries[0].json, as: UTF8.self).contains(#""url":"https://h:443/""#))
        let again = try #require(try HARDecoder().flow(entries[0]))
        #expect((again.request.authority, again.request.path, again.request.port) == ("h:443", "", 443))
        #expect(again.response == nil && again.error?.message == "refused")
    }
}
