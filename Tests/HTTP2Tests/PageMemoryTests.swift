import CNghttp2
import Testing

@testable import HTTP2

struct PageMemoryTests {
    private let memory = PageMemory.allocator.pointee

    private func isOnPage(_ block: UnsafeMutableRawPointer?) -> Bool { block.map { UInt(bitPattern: $0) % 4096 == 0 } ?? false }

    @Test(
        "large blocks stand on pages of their own, all others in the heap",
        arguments: [(1, false), (4095, false), (4096, true), (16_394, true), (20_480, true), (20_481, false), (1 << 20, false)])
    func places(_ size: Int, _ isOwn: Bool) {
        for make in [{ memory.malloc(size, nil) }, { memory.calloc(1, size, nil) }, { memory.realloc(nil, size, nil) }] {
            // One of the heap may begin where a page does, but not one after the other.
            let blocks = (0..<8).map { _ in make() }
            #expect(!blocks.contains(nil))
            #expect(blocks.allSatisfy(isOnPage) == isOwn)
            for block in blocks {
                block?.initializeMemory(as: UInt8.self, repeating: 0xFF, count: size)
                memory.free(block, nil)
            }
        }
    }

    @Test("tables of fields share pages, and are zero where they must be")
    func tables() {
        let blocks = (0..<8).map { _ in memory.malloc(1024, nil) }
        #expect(blocks.allSatisfy { UInt(bitPattern: $0) % 1024 == 0 })
        #expect(Set(blocks).count == 8)
        for block in blocks {
            block?.initializeMemory(as: UInt8.self, repeating: 0xFF, count: 1024)
            memory.free(block, nil)
        }
        let zeros = memory.calloc(1, 1024, nil)
        #expect(UnsafeRawBufferPointer(start: zeros, count: 1024).allSatisfy { $0 == 0 })
        memory.free(zeros, nil)
    }

    @Test("a block that is emptied is zero and stays its owner's", arguments: [4096, 16_394])
    func emptying(_ size: Int) {
        let blocks = (0..<3).compactMap { _ in memory.malloc(size, nil) }
        for block in blocks { block.initializeMemory(as: UInt8.self, repeating: 0x5A, count: size) }
        PageMemory.shared.empty(around: blocks[1] + size / 2)
        for (block, value) in zip(blocks, [0x5A, 0, 0x5A] as [UInt8]) {
            #expect(UnsafeRawBufferPointer(start: block, count: size).allSatisfy { $0 == value })
        }
        let other = memory.malloc(size, nil)
        #expect(!blocks.contains { $0 == other })
        for block in blocks + [other] { memory.free(block, nil) }
    }

    @Test("a block is zero when it is used again", arguments: [4096, 16_394])
    func zeros(_ size: Int) {
        for _ in 0..<3 {
            let blocks = (0..<500).map { _ in memory.calloc(1, size, nil) }
            for block in blocks {
                let bytes = UnsafeRawBufferPointer(start: block, count: size)
                #expect(bytes.count == size && bytes.allSatisfy { $0 == 0 })
                block?.initializeMemory(as: UInt8.self, repeating: 0xFF, count: size)
            }
            #expect(Set(blocks).count == 500)
            for block in blocks { memory.free(block, nil) }
        }
    }

    @Test(
        "a block that is resized keeps its bytes",
        arguments: [(100, 16_394), (4096, 5000), (16_394, 20_480), (16_394, 100_000), (100_000, 16_394), (4096, 10)])
    func resizing(_ before: Int, _ after: Int) {
        let block = memory.malloc(before, nil)
        block?.initializeMemory(as: UInt8.self, repeating: 0x5A, count: before)
        let new = memory.realloc(block, after, nil)
        #expect(UnsafeRawBufferPointer(start: new, count: min(before, after)).allSatisfy { $0 == 0x5A })
        memory.free(new, nil)
    }
}
