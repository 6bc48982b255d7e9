import Schema

/// What an addon says of the way to the server: by that upstream proxy, straight (null), or nothing, and the mode decides.
///
/// On the wire `["http", ["host", port]]` or `["https", ["host", port]]`, as `via` of a server has it, or null.
public enum UpstreamChoice: Sendable, Equatable {
    case asMode
    case direct
    /// Behind a reference: requests are copied often, and hardly any has one.
    indirect case by(ServerVia)
}

extension UpstreamChoice: WireValue {
    public static var shape: Shape { Optional<ServerVia>.shape }

    public func write(_ selection: Selection?, to writer: inout JSONWriter) {
        if case .by(let via) = self { via.write(selection, to: &writer) } else { writer.null() }
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> UpstreamChoice {
        guard let via = try ServerVia?.read(json, at: path()) else { return .direct }
        guard ["http", "https"].contains(via.scheme) else {
            throw StateRefusal(.badState, at: "\(path())[0]", "expected http or https, found '\(via.scheme)'")
        }
        return .by(via)
    }
}
