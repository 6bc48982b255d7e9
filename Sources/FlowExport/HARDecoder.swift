import FlowModel
import NIOCore
import Schema

/// Makes flows of an archive's entries, as browsers and proxies write them.
///
/// Taken are header lists as objects and as pairs, bodies as text and as base 64, forms as parameters; what is absent is empty.
/// A body that has a size and no text was not kept. An entry whose status is no HTTP status is a flow without a response, with
/// the archive's `_error`. An archive has no ids: a flow's is made of its entry, the same each time. Pseudo header fields become what they stand for; several `Set-Cookie` in one value become as many.
struct HARDecoder {
    private let reader = JSONReader(maximumDepth: HARSplitter.maximumDepth)

    /// The flow of one entry; nil if its URL is of something that is no HTTP, as `data:`.
    func flow(_ entry: HARSplitter.Entry) throws(HARFailure) -> HTTPFlow? {
        do throws(HARFailure) {
            let member = HARMember(json: try json(entry.json), path: "log.entries[\(entry.index)]")
            return try Self.flow(member, id: Identifier.hashed(entry.json, entry.index))
        } catch {
            throw HARFailure(error.reason, entry: entry.index, offset: entry.offset)
        }
    }

    /// mitmproxy writes an octet that is no text as a lone surrogate. JSON of ours has none, so it is read as U+FFFD.
    private func json(_ bytes: [UInt8]) throws(HARFailure) -> JSON {
        do {
            do {
                return try reader.read(bytes)
            } catch let error where error.description.contains("lone surrogate") {
                return try reader.read(Self.withoutLoneSurrogates(bytes))
            }
        } catch {
            throw HARFailure("\(error)")
        }
    }

    static func withoutLoneSurrogates(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        func unit(_ index: Int) -> Int? {
            guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
                return nil
            }
            return Int(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16)
        }
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            switch unit(index) {
            case .some(0xD800..<0xDC00) where (0xDC00..<0xE000).contains(unit(index + 6) ?? 0): index += 12
            case .some(0xD800..<0xE000):
                bytes.replaceSubrange(index + 2..<index + 6, with: "FFFD".utf8)
                index += 6
            default: index += 2
            }
        }
        return bytes
    }

    static func flow(_ entry: HARMember, id: String) throws(HARFailure) -> HTTPFlow? {
        let source = try entry.required("request")
        let urlText = try source.required("url").string()
        guard let url = HARURL(urlText) else {
            if HARURL.isForeign(urlText) { return nil }
            throw HARFailure("\(source.path).url: '\(urlText.prefix(100))' is not an absolute http or https URL")
        }
        let times = try Times(entry)
        var flow = HTTPFlow(
            id: id, client: Frozen(client(times)), server: Frozen(try server(entry, url)),
            timestampCreated: times.started)
        flow.request = try request(source, url)
        (flow.request.timestampStart, flow.request.timestampEnd) = (times.started, times.sent)
        flow.comment = try entry["comment"]?.string() ?? ""
        guard let source = entry["response"], let response = try response(source) else {
            let reason = (entry["response"]?["_error"] ?? entry["_error"])?.json.string
            flow.error = FlowError(reason ?? "no response in the archive", at: times.ended)
            return flow
        }
        flow.response = response
        flow.response?.timestampStart = times.answered
        flow.response?.timestampEnd = times.ended
        return flow
    }

    /// Seconds since 1970, in order.
    private struct Times {
        let started: Double
        let sent: Double
        let answered: Double
        let ended: Double

        init(_ entry: HARMember) throws(HARFailure) {
            let text = try entry.required("startedDateTime")
            guard let started = HARTime.seconds(try text.string()) else { throw text.expected("an ISO 8601 time") }
            func milliseconds(_ member: HARMember?) throws(HARFailure) -> Double { max(try member?.number() ?? 0, 0) / 1000 }
            self.started = started
            let timings = entry["timings"]
            ended = started + (try milliseconds(entry["time"]))
            sent = min(started + (try milliseconds(timings?["send"])), ended)
            answered = max(ended - (try milliseconds(timings?["receive"])), sent)
        }
    }

    private static func client(_ times: Times) -> Client {
        let nowhere = Address(host: "127.0.0.1", port: 0)
        var client = Client(
            id: Identifier.uuid4(), peername: nowhere, sockname: nowhere, proxyMode: "regular", timestampStart: times.started)
        client.timestampEnd = times.ended
        return client
    }

    private static func server(_ entry: HARMember, _ url: HARURL) throws(HARFailure) -> Server {
        let ip = try entry["serverIPAddress"]?.string().withoutBrackets ?? ""
        let address = ip.isEmpty ? nil : Address(host: ip, port: url.port)
        var server = Server(id: Identifier.uuid4(), address: address)
        server.peername = address
        return server
    }
}
