/// What is known of a body that is about to be sent.
package enum BodyLength: Hashable, Sendable {
    case none
    case exact(Int)
    case unknown
}
