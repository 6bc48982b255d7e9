/// A set of field names, summed up in one word: a name that it lacks is surely not in it, one that it has may be another's.
///
/// A section of field lines keeps the set of its names, so that most questions are answered without a look at a line.
public struct NameSet: Sendable {
    private var bits: UInt64

    /// No name.
    public init() { bits = 0 }

    /// One name, in whatever case. Inlined, so that the compiler knows the set of a name that it knows.
    @inline(__always)
    public init(_ name: UnsafeRawBufferPointer) {
        guard let first = name.first, let last = name.last else {
            self.init(bit: 0)
            return
        }
        // Length and ends tell names apart well enough. The factors are such that of all pairs of a name that proxies ask for and one
        // that browsers or servers send, only one falls together.
        self.init(bit: (name.count &* 30 &+ Int(first | 0x20) &* 24 &+ Int(last | 0x20) &* 50) &>> 2 & 63)
    }

    init(bit: Int) { bits = 1 &<< UInt64(bit) }

    /// These names, in whatever case.
    public init(_ names: String...) {
        self.init()
        for name in names { name.withRawUTF8 { insert(NameSet($0)) } }
    }

    public mutating func insert(_ other: NameSet) { bits |= other.bits }

    /// True when no name is in both.
    public func isDisjoint(with other: NameSet) -> Bool { bits & other.bits == 0 }
}
