import Glibc
import NIOCore

/// Why an addon cannot be used: a sentence for people that names it.
public struct AddonFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

extension AddonFailure {
    /// The system's own words for why a socket call failed.
    static func reason(_ error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
}
