extension Headers: Sequence {
    /// Walks the lines in order.
    public struct Iterator: IteratorProtocol {
        private let headers: Headers
        private var index = 0

        fileprivate init(_ headers: Headers) {
            self.headers = headers
        }

        public mutating func next() -> (name: ByteString, value: ByteString)? {
            guard index < headers.count else { return nil }
            defer { index += 1 }
            return (headers.name(at: index), headers.value(at: index))
        }
    }

    public func makeIterator() -> Iterator {
        Iterator(self)
    }

    public var underestimatedCount: Int { lines.count }
}

extension Headers: Hashable {
    /// True when both have the same lines in the same order, octet for octet; the layout of the blocks plays no part.
    public static func == (left: Headers, right: Headers) -> Bool {
        guard left.count == right.count else { return false }
        return left.indices.allSatisfy { index in
            left.block[left.lines[index].name] == right.block[right.lines[index].name]
                && left.block[left.lines[index].value] == right.block[right.lines[index].value]
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for index in indices {
            hasher.combine(block[lines[index].name])
            hasher.combine(block[lines[index].value])
        }
    }

    /// The indices that `name(at:)`, `value(at:)` and `withLine(at:)` take.
    public var indices: Range<Int> { 0..<lines.count }
}

extension Headers: ExpressibleByDictionaryLiteral, CustomStringConvertible {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements)
    }

    public var description: String {
        map { "\($0.name): \($0.value)" }.joined(separator: "\n")
    }
}
