import NIOCore
import Testing

@testable import ProxyKernel

/// What waits, and what is idle.
struct DatagramTests {
    @Test("a queue takes so many and so much, first come first served")
    func queue() {
        var queue = DatagramQueue<Int>()
        for number in 0..<DatagramQueue<Int>.maximumCount {
            let isTaken = queue.append(number, size: 1)
            #expect(isTaken)
        }
        let isRefused = !queue.append(-1, size: 1)
        #expect(isRefused)
        #expect(queue.first == 0)
        let first = queue.next()
        #expect(first == 0)
        let isTooLarge = !queue.append(-1, size: DatagramQueue<Int>.maximumBytes)
        #expect(isTooLarge)
        let fits = queue.append(64, size: 1)
        #expect(fits)
        var rest: [Int] = []
        while let next = queue.next() { rest.append(next) }
        #expect(rest == Array(1...64) && queue.isEmpty)
        let hasRoom = queue.append(1, size: DatagramQueue<Int>.maximumBytes)
        #expect(hasRoom)
    }

    private func order(_ idle: IdleAssociations, _ entries: [AssociationEntry]) -> [Int?] {
        var idle = idle
        var found: [Int?] = []
        while let first = idle.first {
            found.append(entries.firstIndex { $0 === first })
            idle.remove(first)
        }
        return found
    }

    @Test("the longest idle comes first, wherever others are taken out or put again")
    func idle() {
        let entries = (0..<5).map { _ in AssociationEntry() }
        var idle = IdleAssociations()
        for entry in entries { idle.append(entry, at: .now()) }
        idle.append(entries[0], at: .now())
        idle.append(entries[2], at: .now())
        idle.remove(entries[3])
        idle.remove(entries[3])
        #expect(entries[3].idleSince == nil && idle.first === entries[1])
        #expect(order(idle, entries) == [1, 4, 0, 2])
        #expect(entries.allSatisfy { $0.idleSince == nil })
        var other = IdleAssociations()
        for entry in entries.reversed() { other.append(entry, at: .now()) }
        #expect(order(other, entries) == [4, 3, 2, 1, 0])
    }
}
