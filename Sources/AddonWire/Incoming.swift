public import Schema

/// One line from a worker, told apart by its members as JSON-RPC 2.0 says.
public enum Incoming: Sendable, Equatable {
    /// `id` is nil if it is null, missing or not a whole number.
    case result(id: Int?, JSON)
    case error(id: Int?, code: Int, message: String)
    /// An answer that is neither a result nor an error, or both.
    case malformedReply(id: Int?, String)
    case call(id: JSON, method: String, params: JSON)
    case notification(method: String, params: JSON)

    /// Bytes of a call's id, which is kept until the call is answered.
    public static let maximumID = 256

    /// Why a line cannot be any of these; it costs the connection.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    public init(_ json: JSON) throws(Failure) {
        guard case .object(let object) = json else {
            throw Failure(
                description: json.array == nil ? "expected an object, found \(json.kind)" : "batches are not part of the protocol"
            )
        }
        if let method = object.member("method") {
            guard let method = method.string else {
                throw Failure(description: "method: expected a string, found \(method.kind)")
            }
            let params = object.member("params") ?? [:]
            if let id = object.member("id"), id != .null {
                guard id.double != nil || (id.string?.utf8.count ?? .max) <= Self.maximumID else {
                    throw Failure(description: "id: expected a number or a string of at most \(Self.maximumID) bytes")
                }
                self = .call(id: id, method: method, params: params)
            } else {
                self = .notification(method: method, params: params)
            }
            return
        }
        let id = object.member("id")?.int
        // Many serialisers write null for what is absent.
        let error = object.member("error").flatMap { $0 == .null ? nil : $0 }
        switch (object.member("result"), error) {
        case (let result?, nil): self = .result(id: id, result)
        case (.null?, let error?), (nil, let error?):
            guard error.object != nil else {
                self = .malformedReply(id: id, "error: expected an object, found \(error.kind)")
                return
            }
            self = .error(id: id, code: error["code"]?.int ?? 0, message: error["message"]?.string ?? "no message")
        case (_?, _?): self = .malformedReply(id: id, "both a result and an error")
        case (nil, nil):
            guard object["id"] != nil else { throw Failure(description: "neither a method nor an answer") }
            self = .malformedReply(id: id, "neither a result nor an error")
        }
    }
}
