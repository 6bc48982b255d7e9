import FlowModel
import Schema

/// Reads flows from the bytes of a flow file as they come. No I/O; what is held is one flow and one chunk.
///
/// Every whole flow before what is wrong is given out first. After a failure there is no going on.
public struct FlowFileScanner: Sendable {
    private var scanner: TNetstringScanner
    private var conversion = Conversion()

    /// `size` is how many bytes the file has, if that is known.
    public init(size: Int? = nil) { scanner = TNetstringScanner(size: size) }

    public mutating func received(_ bytes: UnsafeRawBufferPointer) { scanner.received(bytes) }

    /// The next flow that is whole; nil if that needs more bytes.
    public mutating func next() throws(FlowFileFailure) -> AnyFlow? {
        let offset = scanner.offset
        guard let value = try scanner.next() else { return nil }
        guard let dict = value.dict else {
            throw FlowFileFailure(at: offset, expected: "a flow, which is a dictionary", found: "another type of value")
        }
        let converted: SavedDict
        do throws(ConversionFailure) {
            converted = try conversion.convert(dict)
        } catch {
            throw FlowFileFailure(at: offset, expected: "a flow that can be read", found: "one that cannot: \(error)")
        }
        // A type that there is not is refused by the record, with the place.
        let kind = converted[FlowFormat.typeMember]?.string.flatMap { FlowKind(rawValue: $0) } ?? .http
        do throws(StateRefusal) {
            return try SavedState(converted, kind).flow()
        } catch {
            throw FlowFileFailure(at: offset, expected: "the state of a flow", found: "one that is not: \(error)")
        }
    }

    /// The file has ended.
    public func ended() throws(FlowFileFailure) { try scanner.ended() }
}
