import ArgumentParser
import Schema

/// The parameters of a call. (Files with options cannot import `Schema`, which has an `Option` of its own.)
typealias FlowParameters = JSONObject

/// A command that makes one call about one flow of a running core.
protocol FlowDecision: ParsableCommand {
    /// The call, by the addon protocol's name.
    static var method: String { get }
    var place: CoreSocketOptions { get }
    var flow: OneFlow { get }
    /// What the call is given besides the id.
    var parameters: FlowParameters { get }
}

extension FlowDecision {
    var parameters: FlowParameters { [:] }

    func run() throws {
        guard case .id(let prefix) = try FlowPick([flow.id]) else {
            throw FlowFailure(status: 2, "expected a flow's id, hexadecimal digits and dashes, found '\(flow.id)'")
        }
        let flows = try place.open(Self.method)
        var params = parameters
        params["id"] = .string(try flows.id(prefix))
        let result = try flows.call(Self.method, .object(params))
        if let made = result["id"]?.string { print(made) }
    }
}
