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

    public init(_ json: consuming JSON) throws(Failure) {
        let object: JSONObject
        switch consume json {
        case .object(let members): object = members
        case let other where other.array == nil: throw Failure(description: "expected an object, found \(other.kind)")
        default: throw Failure(description: "batches are not part of the protocol")
        }
        var (method, params, number, result, failure): (JSON?, JSON?, JSON?, JSON?, JSON?)
        object.forEachMember { name, value in
            switch name.count {
            case 2 where name.isExactly("id"): number = value
            case 5 where name.isExactly("error"): failure = value
            case 6 where name.isExactly("result"): result = value
            case 6 where name.isExactly("method"): method = value
            case 6 where name.isExactly("params"): params = value
            default: break
            }
        }
        // As most lines are.
        if method == nil, failure == nil, let result = result.take() {
            self = .result(id: number?.int, result)
            return
        }
        if let method {
            guard let method = method.string else {
                throw Failure(description: "method: expected a string, found \(method.kind)")
            }
            let params = params ?? [:]
            if let id = number, id != .null {
                guard id.double != nil || (id.string?.utf8.count ?? .max) <= Self.maximumID else {
                    throw Failure(description: "id: expected a number or a string of at most \(Self.maximumID) bytes")
                }
                self = .call(id: id, method: method, params: params)
            } else {
                self = .notification(method: method, params: params)
            }
            return
        }
        let id = number?.int
        // Many serialisers write null for what is absent.
        let error = failure == .null ? nil : failure
        switch (result, error) {
        case (let result?, nil): self = .result(id: id, result)
        case (.null?, let error?), (nil, let error?):
            guard error.object != nil else {
                self = .malformedReply(id: id, "error: expected an object, found \(error.kind)")
                return
            }
            self = .error(id: id, code: error["code"]?.int ?? 0, message: error["message"]?.string ?? "no message")
        case (_?, _?): self = .malformedReply(id: id, "both a result and an error")
        case (nil, nil):
            guard number != nil else { throw Failure(description: "neither a method nor an answer") }
            self = .malformedReply(id: id, "neither a result nor an error")
        }
    }
}
