/// How hard an encoder tries.
public enum CodingLevel: Sendable {
    /// Little time: for bodies that are sent once.
    case fast
    /// Little output: for bodies that are kept.
    case small
}
