import FlowModel
import HTTPExchange
import NIOCore
import Schema

/// What two requests have in common if one's response may be given to the other.
struct ReplayKey: Hashable {
    /// What is compared.
    struct Form {
        let ignoresContent: Bool
        let ignoresHost: Bool
        let ignoresPort: Bool
        let ignoredParams: Set<[UInt8]>
        let ignoredPayloadParams: Set<[UInt8]>
        let headers: [String]

        init(_ settings: Settings) {
            let options = RuleOptions.table
            ignoresContent = settings[options.replayIgnoreContent]
            ignoresHost = settings[options.replayIgnoreHost]
            ignoresPort = settings[options.replayIgnorePort]
            ignoredParams = Set(settings[options.replayIgnoreParams].map { Array($0.utf8) })
            ignoredPayloadParams = Set(settings[options.replayIgnorePayloadParams].map { Array($0.utf8) })
            headers = settings[options.replayUseHeaders]
        }
    }

    private struct Pair: Hashable {
        let name: [UInt8]
        let value: [UInt8]
    }

    private let method: ByteString
    private let scheme: ByteString
    private let host: String?
    private let port: Int?
    private let path: [UInt8]
    private let query: [Pair]
    private let body: [UInt8]
    private let fields: [Pair]
    private let headers: [[ByteString]]

    init(_ request: Request, _ form: Form) {
        method = request.method
        scheme = request.scheme
        host = form.ignoresHost ? nil : request.prettyHost
        port = form.ignoresPort ? nil : request.port
        let target = request.path.bytes.prefix { $0 != UInt8(ascii: "#") }
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        self.path = Self.withoutParameters(path)
        query = Percent.pairs(target.dropFirst(path.count + 1)).filter { !form.ignoredParams.contains($0.name) }
            .map { Pair(name: $0.name, value: $0.value) }
        headers = form.headers.map { request.headers.values(named: $0) }
        let parts = form.ignoresContent || form.ignoredPayloadParams.isEmpty ? [] : FormBody.pairs(request)
        fields = parts.filter { !form.ignoredPayloadParams.contains($0.name) }
            .map { Pair(name: $0.name, value: $0.value) }
        body = form.ignoresContent || !parts.isEmpty ? [] : request.content.buffer.map { Array($0.readableBytesView) } ?? []
    }

    /// The parameters of the last segment (RFC 1808 2.1) say nothing of which resource is meant.
    private static func withoutParameters(_ path: ArraySlice<UInt8>) -> [UInt8] {
        let start = path.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        let end = path[start...].firstIndex(of: UInt8(ascii: ";")) ?? path.endIndex
        return Array(path[..<end])
    }
}

/// The names and values in a body that an HTML form makes.
enum FormBody {
    /// None if the body is of another type, or cannot be read.
    static func pairs(_ request: Request) -> [(name: [UInt8], value: [UInt8])] {
        guard let content = request.content.buffer, let body = BodyCodings(request.headers).decoded(content) else { return [] }
        let type = request.headers.first("Content-Type")?.string ?? ""
        if type.lowercased().contains("application/x-www-form-urlencoded") { return Percent.pairs(body.readableBytesView) }
        guard type.lowercased().hasPrefix("multipart/form-data"), let boundary = boundary(type) else { return [] }
        return parts(Array(body.readableBytesView), between: boundary)
    }

    private static func boundary(_ type: String) -> [UInt8]? {
        for parameter in type.split(separator: ";").dropFirst() {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].filter({ $0 != " " }).lowercased() == "boundary" else { continue }
            return Array("--\(pair[1].filter { $0 != "\"" && $0 != " " })".utf8)
        }
        return nil
    }

    private static func parts(_ body: [UInt8], between boundary: [UInt8]) -> [(name: [UInt8], value: [UInt8])] {
        body.split(separator: boundary).compactMap { part in
            guard let head = part.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
            guard let start = part[..<head.lowerBound].firstRange(of: Array("name=\"".utf8)) else { return nil }
            let name = part[start.upperBound..<head.lowerBound].prefix { $0 != UInt8(ascii: "\"") }
            let value = part[head.upperBound...]
            return (Array(name), Array(value.suffix(2).elementsEqual([0x0D, 0x0A]) ? value.dropLast(2) : value))
        }
    }
}
