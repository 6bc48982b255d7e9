/// The version of the format that a flow was saved in: mitmproxy's release up to 3.0, a number of its own from then on.
public enum FormatVersion: Sendable, Hashable, CustomStringConvertible {
    case release(Int, Int)
    case number(Int)

    public init?(_ value: SavedValue?) {
        switch value {
        case .int(let number): self = .number(number)
        case .list(let parts):
            guard parts.count >= 2, case .int(let major) = parts[0], case .int(let minor) = parts[1] else { return nil }
            self = .release(major, minor)
        default: return nil
        }
    }

    public var description: String {
        switch self {
        case .release(let major, let minor): "(\(major), \(minor))"
        case .number(let number): String(number)
        }
    }
}

/// Why a saved flow cannot be brought to the present format: a sentence for people.
public struct ConversionFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
