import FlowModel
import HTTPExchange
import Logging
import NIOCore
import ProxyKernel
import Schema

@testable import Rules

/// A flow to a URL of `http://host[:port]/path`, as rules get it.
func flow(
    _ url: String, _ method: String = "GET", _ headers: [(String, String)] = [], body: String = "", response: Response? = nil,
    mode: String = "regular"
) -> HTTPFlow {
    var client = Client.blank
    client.id = "client"
    client.proxyMode = mode
    var flow = HTTPFlow(id: "flow", client: Frozen(client), server: Frozen(.blank), timestampCreated: 1)
    flow.request.method = ByteString(method)
    _ = flow.request.move(to: url)
    flow.request.headers = Headers([("Host", flow.request.hostField.string)] + headers)
    flow.request.content = .bytes(ByteBuffer(string: body))
    flow.response = response
    return flow
}

func response(_ status: Int = 200, _ headers: [(String, String)] = [], _ body: String = "", at time: Double = 0) -> Response {
    var response = Response()
    response.statusCode = status
    response.headers = Headers(headers)
    response.content = .bytes(ByteBuffer(string: body))
    response.timestampStart = time
    return response
}

func settings(_ assignments: (any AnyOption, String)...) throws -> Settings {
    var settings = Settings()
    for (option, _) in assignments {
        try settings.set(option, assignments.filter { $0.0 === option }.map { $0.1 })
    }
    return settings
}

let options = RuleOptions.table
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

extension Content {
    var text: String? { buffer.map { String(buffer: $0) } }
}
