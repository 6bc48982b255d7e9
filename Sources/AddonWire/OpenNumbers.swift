/// Values by numbers that are given out one after the other, of which few are open at a time: a number is looked for at its own place.
public struct OpenNumbers<Value> {
    /// As many as a power of two, at least twice as many as values.
    private var slots: [(number: Int, value: Value)?] = Array(repeating: nil, count: 16)
    public private(set) var count = 0

    public init() {}

    private var mask: Int { slots.count - 1 }

    /// A value that is set must not be nil; `remove` takes one out.
    public subscript(_ number: Int) -> Value? {
        get { place(of: number).flatMap { slots[$0]?.value } }
        set {
            guard let newValue else { return _ = remove(number) }
            if let place = place(of: number) { return slots[place] = (number, newValue) }
            if 2 * (count + 1) > slots.count { grow() }
            insert(number, newValue)
        }
    }

    /// Takes a value out.
    public mutating func remove(_ number: Int) -> Value? {
        guard var hole = place(of: number) else { return nil }
        let value = slots[hole].take()?.value
        count -= 1
        // Those behind it that are not at their own places come nearer to them.
        var next = (hole + 1) & mask
        while let slot = slots[next] {
            if (next &- slot.number) & mask >= (next &- hole) & mask {
                slots[hole] = slots[next].take()
                hole = next
            }
            next = (next + 1) & mask
        }
        return value
    }

    /// All numbers, ascending.
    public var numbers: [Int] { slots.compactMap { $0?.number }.sorted() }

    /// All values, in any order.
    public var values: [Value] { slots.compactMap { $0?.value } }

    private func place(of number: Int) -> Int? {
        var place = number & mask
        while let slot = slots[place] {
            if slot.number == number { return place }
            place = (place + 1) & mask
        }
        return nil
    }

    private mutating func insert(_ number: Int, _ value: Value) {
        var place = number & mask
        while slots[place] != nil { place = (place + 1) & mask }
        slots[place] = (number, value)
        count += 1
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: nil, count: 2 * old.count)
        count = 0
        for case let (number, value)? in old { insert(number, value) }
    }
}

extension OpenNumbers: Sendable where Value: Sendable {}
