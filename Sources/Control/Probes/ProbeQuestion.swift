import FlowModel
import HTTP1
import Observability
import ProxyKernel

/// What a request to the probes' address asks for.
enum ProbeQuestion: Equatable {
    case metrics(Exposition)
    /// Whether the process is alive: its event loops run.
    case health
    /// Whether it takes new flows.
    case readiness

    /// Why a request is not answered: a status and a line for people.
    struct Refusal: Error, Equatable {
        let status: Int
        let text: String
    }

    /// `isLocal` is true at a Unix socket, where the field Host means nothing.
    init(_ request: RequestHead, _ framing: Framing, isLocal: Bool) throws(Refusal) {
        guard request.method == "GET" || request.method == "HEAD" else {
            throw Refusal(status: 405, text: "expected GET or HEAD")
        }
        guard framing == .none else { throw Refusal(status: 400, text: "expected a request without a body") }
        guard isLocal || Self.namesThisMachine(request) else {
            // A name that a page's author has pointed here would let the page read the answer.
            throw Refusal(status: 421, text: "expected Host to be localhost or an address")
        }
        guard case .origin(let target)? = try? RequestTarget(request.target, method: request.method) else {
            throw Refusal(status: 400, text: "expected a path")
        }
        switch target.string.prefix(while: { $0 != "?" }) {
        case "/metrics":
            let isOpen = request.headers.first("Accept")?.string.contains("application/openmetrics-text") ?? false
            self = .metrics(isOpen ? .openMetrics : .text)
        case "/healthz": self = .health
        case "/readyz": self = .readiness
        default: throw Refusal(status: 404, text: "there are /metrics, /healthz and /readyz")
        }
    }

    private static func namesThisMachine(_ request: RequestHead) -> Bool {
        guard let field = request.headers.first("Host"), !field.isEmpty else { return true }
        guard let host = try? Authority(field.bytes[...]).host else { return false }
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        return host == "localhost" || host.hasSuffix(".localhost") || ClientAdmission.kind(of: bare) != .other
    }
}

/// What is answered.
struct ProbeAnswer: Sendable {
    var status = 200
    var mediaType = "text/plain; charset=utf-8"
    var body: [UInt8]

    init(_ form: Exposition, _ families: [MetricFamily]) {
        mediaType = form.mediaType
        body = form.write(families)
    }

    init(status: Int = 200, _ lines: [String]) {
        self.status = status
        body = Array(lines.map { $0 + "\n" }.joined().utf8)
    }

    init(_ refusal: ProbeQuestion.Refusal) { self.init(status: refusal.status, [refusal.text]) }
}
