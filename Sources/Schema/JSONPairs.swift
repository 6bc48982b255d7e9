/// An array of pairs of texts, as a header section is, in the text that it was read from: as a tree it would cost many times its bytes.
public struct JSONPairs: Sendable {
    private let index: UInt32
    private let document: JSONDocument

    init(_ document: JSONDocument, at index: Int) {
        self.document = document
        self.index = UInt32(index)
    }

    public var count: Int { Int(document.view.tokens[Int(index)].count) }

    /// At least so many bytes as all of the texts have, and four more for each pair: quotation marks, commas and brackets are more.
    public var roomyLength: Int {
        let tokens = document.view.tokens
        // Behind the outer array are a pair and its first text, and a text is last.
        let last = tokens[document.view.end(of: Int(index)) - 1]
        return Int(last.value) + Int(last.count) - Int(tokens[Int(index) + 2].value) + 5
    }

    /// Lends both texts of a pair; the buffers are valid inside the closure only.
    @inline(__always)
    public func withPair<Result, Failure>(
        at index: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // A pair is an array and its two strings.
        let pair = Int(self.index) + 1 + 3 * index
        let view = document.view
        return try view.withText(at: pair + 1) { (first) throws(Failure) in
            try view.withText(at: pair + 2) { (second) throws(Failure) in try body(first, second) }
        }
    }

    /// The same as a tree.
    var values: [JSON] {
        (0..<count).map { index in
            withPair(at: index) {
                .array([.string(String(decoding: $0, as: UTF8.self)), .string(String(decoding: $1, as: UTF8.self))])
            }
        }
    }
}

extension JSONPairs: Equatable {
    public static func == (left: JSONPairs, right: JSONPairs) -> Bool {
        guard left.count == right.count else { return false }
        return (0..<left.count).allSatisfy { index in
            left.withPair(at: index) { first, second in
                right.withPair(at: index) { first.isExactly($0) && second.isExactly($1) }
            }
        }
    }
}
