import NIOCore
import ProxyKernel
import Schema

/// Something that a worker may ask of the core: a row of `table`, which the calls, the permissions and the documents share.
///
/// The permission has the method's name.
public struct CoreCall: Sendable {
    public let method: String
    /// What `params` holds, for documents.
    public let params: String
    public let doc: String
    /// Answers the worker that asks, called on its loop, with a `CallFailure` where it cannot. The answer may come from any loop.
    let answer: Answer

    typealias Answer = @Sendable (JSON, Worker) throws(CallFailure) -> EventLoopFuture<JSON>

    public static let table: [CoreCall] =
        FlowCalls.table + FlowEdits.table + BodyCalls.table + WebSocketCalls.table + TCPCalls.table + OptionCalls.table
        + CommandCalls.table
        + MetricCalls.table + AddonCalls.table + StatusCalls.table

    static func named(_ method: String) -> CoreCall? { table.first { $0.method == method } }
}

/// Why a call was refused: the codes and words of the specification.
struct CallFailure: Error, Sendable, Equatable {
    let code: Int
    let kind: String
    let message: String
    /// The place in the parameters that is to blame, if one is.
    var path: String?

    static func parameters(_ refusal: StateRefusal) -> CallFailure {
        switch refusal.word {
        case .badState:
            CallFailure(code: -32003, kind: "bad_state", message: "\(refusal.path): \(refusal.reason)", path: refusal.path)
        case .readOnly:
            CallFailure(code: -32004, kind: "read_only", message: "\(refusal.path): \(refusal.reason)", path: refusal.path)
        case .streamed:
            CallFailure(code: -32016, kind: "streamed", message: "\(refusal.path): \(refusal.reason)", path: refusal.path)
        case .denied: CallFailure(code: -32005, kind: "denied", message: "\(refusal.path): \(refusal.reason)", path: refusal.path)
        case .tooLarge:
            CallFailure(code: -32006, kind: "too_large", message: "\(refusal.path): \(refusal.reason)", path: refusal.path)
        }
    }

    static func missing(_ what: String) -> CallFailure {
        CallFailure(code: -32602, kind: "invalid_params", message: what)
    }
    static func noFlow(_ id: String) -> CallFailure {
        CallFailure(code: -32012, kind: "no_flow", message: "there is no flow '\(id)', or it has left the store")
    }
    static func conflict(_ what: String) -> CallFailure { CallFailure(code: -32013, kind: "conflict", message: what) }
    static func unknown(_ method: String) -> CallFailure {
        CallFailure(code: -32601, kind: "method_not_found", message: "the core has no method '\(method)'")
    }
    static func denied(_ method: String) -> CallFailure {
        CallFailure(code: -32005, kind: "denied", message: "this worker was not granted '\(method)'")
    }
    static let notReady = CallFailure(code: -32001, kind: "not_ready", message: "the handshake is not done")
}
