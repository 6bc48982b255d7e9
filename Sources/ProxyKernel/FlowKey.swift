import FlowModel

/// A flow's id as the registry's table has it: the number that a UUID is, and any other text as it is. A string would be counted, hashed and
/// compared octet by octet several times a request.
enum FlowKey: Hashable, Sendable {
    case number(high: UInt64, low: UInt64)
    case text(String)

    init(_ id: String) {
        self = Identifier.words(of: id).map { .number(high: $0.high, low: $0.low) } ?? .text(id)
    }

    func hash(into hasher: inout Hasher) { hasher.combine(_rawHashValue(seed: 0)) }

    /// What a table asks for. Hasher takes three hundred instructions for the same.
    func _rawHashValue(seed: Int) -> Int {
        switch self {
        case .number(let high, let low):
            let product = (high ^ Self.secret.0).multipliedFullWidth(by: low ^ Self.secret.1)
            return Int(truncatingIfNeeded: product.high ^ product.low) ^ seed
        case .text(let id): return id._rawHashValue(seed: seed)
        }
    }

    /// Ids that somebody else made up, in a file of flows, cannot be made to meet in one place.
    private static let secret = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))
}
