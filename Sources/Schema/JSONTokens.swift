/// Where the values of a JSON text stand in it: one entry a value, each container before what it holds, each name before its value.
struct JSONTokens: ~Copyable {
    struct Token {
        enum Kind: UInt8 {
            case null, no, yes, int, double
            /// A string whose bytes stand for themselves, and one with escapes.
            case plain, escaped
            case array
            /// An array of two strings, and one of such arrays.
            case pair, pairs
            case object
        }

        var kind: Kind
        /// Of a string its bytes, of an array its elements, of an object its members.
        var count: UInt32
        /// Of a string where it begins, of a container the token behind it, of a number its bits.
        var value: UInt64

        var isString: Bool { kind == .plain || kind == .escaped }
    }

    // No array, which asks with each token whether somebody else holds it.
    private(set) var base: UnsafeMutablePointer<Token>
    private(set) var count = 0
    private var capacity: Int
    /// Whether the memory is its own.
    private var isOwner = false

    /// Begins in memory that is lent.
    init(in memory: UnsafeMutablePointer<Token>, capacity: Int) {
        base = memory
        self.capacity = capacity
    }

    deinit { if isOwner { base.deallocate() } }

    /// All of them.
    var all: UnsafeBufferPointer<Token> { UnsafeBufferPointer(start: base, count: count) }

    @inline(__always)
    mutating func append(_ kind: Token.Kind, count: Int = 0, value: UInt64 = 0) {
        if self.count == capacity { grow() }
        (base + self.count).initialize(to: Token(kind: kind, count: UInt32(truncatingIfNeeded: count), value: value))
        self.count += 1
    }

    /// Ends an array or object that has elements or members, with what was appended last.
    @inline(__always)
    mutating func close(_ place: Int) {
        base[place].value = UInt64(count)
        guard base[place].kind == .array else { return }
        // Each string is one token, and a pair three.
        if base[place].count == 2, count == place + 3, base[place + 1].isString, base[place + 2].isString {
            base[place].kind = .pair
        } else if base[place + 1].kind == .pair {
            var next = place + 1
            while next < count, base[next].kind == .pair { next += 3 }
            if next == count { base[place].kind = .pairs }
        }
    }

    @inline(never)
    private mutating func grow() {
        let wider = UnsafeMutablePointer<Token>.allocate(capacity: 2 * capacity)
        wider.moveInitialize(from: base, count: count)
        if isOwner { base.deallocate() }
        (base, capacity, isOwner) = (wider, 2 * capacity, true)
    }
}
