/// Why a line is not the JSON that was expected: a sentence for people.
public struct JSONFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    init(_ what: String, at index: Int) { description = "\(what) at byte \(index)" }
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
    /// Whether objects, and arrays of pairs of texts, stay in the text that they were read from, for those who look at few of them. Who
    /// keeps one keeps all of the text: see `JSON.detached`.
    private let keepsText: Bool

    public init(maximumDepth: Int = 64, maximumValues: Int = .max, keepsText: Bool = false) {
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
        self.keepsText = keepsText
    }

    public func read(_ line: [UInt8]) throws(JSONFailure) -> JSON {
        try line.withUnsafeBytes { bytes in Result { () throws(JSONFailure) in try read(bytes) } }.get()
    }

    public func read(_ line: UnsafeRawBufferPointer) throws(JSONFailure) -> JSON {
        try withUnsafeTemporaryAllocation(of: JSONTokens.Token.self, capacity: 64) { memory in
            Result { () throws(JSONFailure) in
                var parser = JSONParser(line, memory, maximumDepth: maximumDepth, maximumValues: maximumValues)
                try parser.read()
                let tokens = parser.tokens.all
                guard keepsText else { return JSONView(text: line, tokens: parser.tokens.base).value(at: 0, of: nil) }
                return JSONDocument(line, tokens).value(at: 0)
            }
        }.get()
    }
}
