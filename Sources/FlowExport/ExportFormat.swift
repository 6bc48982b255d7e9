import FlowModel

/// A text form of one flow, by mitmproxy's names for them.
public enum ExportFormat: String, Sendable, CaseIterable {
    case curl, httpie, raw
    case rawRequest = "raw_request"
    case rawResponse = "raw_response"

    /// Why a flow has no such form: a sentence for people.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
        init(_ description: String) { self.description = description }

        static func unkept(_ what: String) -> Failure {
            Failure("\(what) not kept; a running core keeps bodies with --set store_content=true")
        }
    }

    /// The flow in this form; commands have no line feed at their end, since a request may not end with one either.
    ///
    /// `keepsAddress` makes `curl` connect to the address that the flow went to, whatever the name resolves to now.
    public func bytes(of flow: HTTPFlow, keepsAddress: Bool = false) throws(Failure) -> [UInt8] {
        switch self {
        case .curl: return try CurlCommand.text(of: flow, keepsAddress: keepsAddress)
        case .httpie: return try HTTPieCommand.text(of: flow)
        case .rawRequest: return try RawMessage.bytes(of: flow.request)
        case .rawResponse:
            guard let response = flow.response else { throw Failure("the flow has no response") }
            return try RawMessage.bytes(of: response)
        case .raw:
            // As mitmproxy does: what is there, with an empty line between.
            var parts: [[UInt8]] = []
            if !flow.request.content.isOmitted { parts.append(try RawMessage.bytes(of: flow.request)) }
            if let response = flow.response, !response.content.isOmitted { parts.append(try RawMessage.bytes(of: response)) }
            guard !parts.isEmpty else { throw .unkept("the flow's bodies were") }
            return Array(parts.joined(separator: Array("\r\n\r\n".utf8)))
        }
    }
}
