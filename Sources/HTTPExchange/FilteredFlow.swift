import FlowModel
import Schema

/// A flow as filter expressions ask for it.
package struct FilteredFlow: FilterSubject {
    let flow: HTTPFlow

    package init(_ flow: HTTPFlow) { self.flow = flow }

    package var filterKind: FlowKind { .http }
    package var hasRequest: Bool { true }
    package var hasResponse: Bool { flow.response != nil }
    package var hasError: Bool { flow.error != nil }
    package var hasWebSocket: Bool { flow.websocket != .null }
    package var marked: String { flow.marked }
    package var isReplay: String? { flow.isReplay }
    package var method: [UInt8]? { flow.request.method.bytes }

    package var url: String? { flow.request.prettyURL }

    package var hosts: [String] { [flow.request.host] + values("host", flow.request.headers).map { ByteString($0).string } }
    package var statusCode: Int? { flow.response?.statusCode }
    package var requestHeaderBlock: [UInt8]? { block(flow.request.headers) }
    package var responseHeaderBlock: [UInt8]? { flow.response.map { block($0.headers) } }
    package var requestContentType: [UInt8]? { joined("content-type", flow.request.headers) }
    package var responseContentType: [UInt8]? { flow.response.flatMap { joined("content-type", $0.headers) } }
    package var requestContent: [UInt8]? { content(flow.request.content, flow.request.headers) }
    package var responseContent: [UInt8]? { flow.response.flatMap { content($0.content, $0.headers) } }
    package var messages: [FilterMessage] { [] }
    package var clientAddress: String? { flow.client.value.peername.description }
    package var serverAddress: String? { flow.server.value.address?.description }
    package var comment: String { flow.comment }

    package var metadataText: String {
        (flow.metadata.json.object?.members ?? []).map { member in
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

    private func content(_ content: Content, _ headers: Headers) -> [UInt8]? {
        guard let buffer = content.buffer else { return nil }
        return (BodyCodings(headers).decoded(buffer) ?? buffer).withUnsafeReadableBytes { Array($0) }
    }
}
