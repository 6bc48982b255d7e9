/// Why a line is not the JSON that was expected: a sentence for people.
public struct JSONFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// The one strict parser for everything that a worker sends.
///
/// Refused are invalid UTF-8, duplicate names, lone surrogates, control characters, U+0000 in a name, integers beyond ±2^53, numbers
/// that overflow, nesting beyond `maximumDepth`, more values than `maximumValues`, and anything but one value.
public struct JSONReader: Sendable {
    /// Arrays and objects within each other, at most.
    public let maximumDepth: Int
    /// Arrays, objects and commas in one line, at most: what a tree of many small values costs is a hundred times their bytes.
    public let maximumValues: Int
    /// Whether arrays of pairs of texts become `JSON.pairs`, for those who look at both.
    private let keepsPairs: Bool

    public init(maximumDepth: Int = 64, maximumValues: Int = .max, keepsPairs: Bool = false) {
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
        self.keepsPairs = keepsPairs
    }

    public func read(_ line: [UInt8]) throws(JSONFailure) -> JSON {
        try line.withUnsafeBytes { bytes in Result { () throws(JSONFailure) in try read(bytes) } }.get()
    }

    public func read(_ line: UnsafeRawBufferPointer) throws(JSONFailure) -> JSON {
        var parser = JSONParser(line, maximumDepth: maximumDepth, maximumValues: maximumValues, keepsPairs: keepsPairs)
        return try parser.read()
    }
}
