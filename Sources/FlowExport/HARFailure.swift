/// Why an archive cannot be read on, in one line for people; the flows before it are whole.
public struct HARFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, with the member's path where there is one.
    public let reason: String
    /// The entry that is to blame, from 0 on.
    public let entry: Int?
    /// Where, in bytes from the start; in a `.zhar` of what it unpacks to.
    public let offset: Int?

    init(_ reason: String, entry: Int? = nil, offset: Int? = nil) {
        self.reason = reason
        self.entry = entry
        self.offset = offset
    }

    public var description: String {
        let place = [entry.map { "entry \($0)" }, offset.map { "byte \($0)" }].compactMap { $0 }.joined(separator: ", ")
        return place.isEmpty ? reason : "\(place): \(reason)"
    }
}
