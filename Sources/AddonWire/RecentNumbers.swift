/// The last so many numbers of those that were put in, and not taken out since.
struct RecentNumbers {
    private static let maximum = 4096
    private var numbers: Set<Int> = []
    private var order: [Int] = []

    /// A number is put in once.
    mutating func insert(_ number: Int) {
        if order.count >= 2 * Self.maximum {
            order.removeFirst(Self.maximum)
            let kept = Set(order)
            numbers.formIntersection(kept)
        }
        order.append(number)
        numbers.insert(number)
    }

    func contains(_ number: Int) -> Bool { numbers.contains(number) }

    /// False if it was not there.
    mutating func remove(_ number: Int) -> Bool { numbers.remove(number) != nil }
}
