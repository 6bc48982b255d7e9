/// A dictionary of bounded size: when it is full, the key that came first goes.
struct Recent<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private var values: [Key: Value] = [:]
    private var order: [Key] = []
    private var head = 0

    init(limit: Int) { self.limit = limit }

    /// In the order of their coming.
    var keys: ArraySlice<Key> { order[head...] }

    subscript(_ key: Key) -> Value? {
        get { values[key] }
        set {
            let isNew = values[key] == nil
            values[key] = newValue
            if newValue == nil {
                if !isNew { order.removeAll { $0 == key } }
                return
            }
            guard isNew else { return }
            order.append(key)
            if order.count - head > limit {
                values[order[head]] = nil
                head += 1
            }
            if head > limit {
                order.removeFirst(head)
                head = 0
            }
        }
    }
}
