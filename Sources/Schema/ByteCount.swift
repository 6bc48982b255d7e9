/// A number of bytes as people write it: digits, with `b`, `k`, `m`, `g` or `t` behind them for powers of 1024.
public struct ByteCount: Sendable, Hashable, OptionValue {
    public let bytes: Int
    /// As it was given.
    public let text: String

    /// A number of bytes, as a default.
    public init(mebibytes: Int) {
        bytes = mebibytes << 20
        text = "\(mebibytes)m"
    }

    /// Nil if the text is none, or means more than an `Int` holds.
    public init?(_ text: String) {
        let units: [Character] = ["b", "k", "m", "g", "t"]
        let power = text.last.flatMap { units.firstIndex(of: $0) }
        let digits = power == nil ? Substring(text) : text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(digits) else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << (10 * (power ?? 0)))
        guard !overflow else { return nil }
        self.bytes = bytes
        self.text = text
    }

    public static var typeName: String { "size (bytes, or with k, m, g, t)" }
    public static func parse(_ texts: [String], current: ByteCount?) -> ByteCount? { texts.last.flatMap { ByteCount($0) } }

    public static var shape: Shape { .string }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.string(text) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> ByteCount {
        guard let count = json.string.flatMap({ ByteCount($0) }) else { throw .expected("a size", at: path(), found: json) }
        return count
    }
}
