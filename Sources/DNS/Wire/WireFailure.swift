/// Why octets are no DNS message, or a message cannot be put into octets: a sentence for people.
public struct WireFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    /// The same, with the place in front: "answer 2: …".
    func at(_ place: String) -> WireFailure { WireFailure("\(place): \(description)") }
}
