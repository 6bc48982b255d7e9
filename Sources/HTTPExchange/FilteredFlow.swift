import FlowModel
import Schema

/// A flow as filter expressions ask for it.
public struct FilteredFlow: FilterSubject {
    /// In bytes.
    private static let searchedOfFile = 16 << 20

    private let flow: AnyFlow

    public init(_ flow: HTTPFlow) { self.flow = flow.any }
    public init(_ flow: AnyFlow) { self.flow = flow }

    private var http: HTTPFlow? { if case .http(let flow) = flow { flow.value } else { nil } }
    private var dns: DNSFlow? { if case .dns(let flow) = flow { flow } else { nil } }

    public var filterKind: FlowKind { flow.kind }
    public var hasRequest: Bool { filterKind == .http || filterKind == .dns }
    public var hasResponse: Bool { http?.response != nil || dns?.response != nil }
    public var hasError: Bool { flow.record.error != nil }
    public var hasWebSocket: Bool { http?.websocket != nil }
    public var marked: String { flow.record.marked }
    public var isReplay: String? { flow.record.isReplay }
    public var method: [UInt8]? { http?.request.method.bytes }

    public var url: String? {
        guard let http else { return dns?.request.questions.first?.name }
        return http.request.prettyURL
    }

    public var hosts: [String] {
        guard let http else { return [] }
        return [http.request.host] + values("host", http.request.headers).map { ByteString($0).string }
    }

    public var statusCode: Int? { http?.response?.statusCode }
    public var requestHeaderBlock: [UInt8]? { http.map { block($0.request.headers) } }
    public var responseHeaderBlock: [UInt8]? { http?.response.map { block($0.headers) } }
    public var requestContentType: [UInt8]? { http.flatMap { joined("content-type", $0.request.headers) } }
    public var responseContentType: [UInt8]? { http?.response.flatMap { joined("content-type", $0.headers) } }

    public var requestContent: [UInt8]? {
        if let dns { return Array(dns.request.text.utf8) }
        return http.flatMap { content($0.request.content, $0.request.headers) }
    }

    public var responseContent: [UInt8]? {
        if let response = dns?.response { return Array(response.text.utf8) }
        return http?.response.flatMap { content($0.content, $0.headers) }
    }

    public var messages: [FilterMessage] {
        switch flow {
        case .http(let flow):
            flow.value.websocket?.value.messages.map { FilterMessage(fromClient: $0.isFromClient, content: $0.content.bytes) }
                ?? []
        case .tcp(let flow): flow.messages.map { FilterMessage(fromClient: $0.isFromClient, content: $0.content.bytes) }
        case .udp(let flow): flow.messages.map { FilterMessage(fromClient: $0.isFromClient, content: $0.content.bytes) }
        case .dns: []
        }
    }

    public var clientAddress: String? { flow.record.client.value.peername.description }
    public var serverAddress: String? { flow.record.server.value.address?.description }
    public var comment: String { flow.record.comment }

    public var metadataText: String {
        (flow.record.metadata.json.object?.members ?? []).map { member in
            "\(member.key): \(member.value.string ?? String(decoding: member.value.encoded, as: UTF8.self))"
        }.joined(separator: "\n")
    }

    private func block(_ headers: Headers) -> [UInt8] {
        var block: [UInt8] = []
        for index in 0..<headers.count {
            headers.withLine(at: index) { name, value in
                block += name
                block += [0x3A, 0x20]
                block += value
                block += [0x0D, 0x0A]
            }
        }
        return block
    }

    private func values(_ name: String, _ headers: Headers) -> [[UInt8]] {
        (0..<headers.count).compactMap { index in
            headers.withLine(at: index) { found, value in
                name.withRawUTF8 { found.equalsIgnoringCase($0) } ? Array(value) : nil
            }
        }
    }

    private func joined(_ name: String, _ headers: Headers) -> [UInt8]? {
        let values = values(name, headers)
        return values.isEmpty ? nil : Array(values.joined(separator: [0x0A]))
    }

    /// Of a body that is held in a file the beginning, as it is on the wire: what was just written, the system has in memory.
    private func content(_ content: Content, _ headers: Headers) -> [UInt8]? {
        if case .file(let file) = content {
            return try? file.read(at: 0, count: Self.searchedOfFile).withUnsafeReadableBytes { Array($0) }
        }
        guard let buffer = content.buffer else { return nil }
        return (BodyCodings(headers).decoded(buffer) ?? buffer).withUnsafeReadableBytes { Array($0) }
    }
}
