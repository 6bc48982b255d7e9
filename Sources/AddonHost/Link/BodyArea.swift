import FlowModel
import Glibc
import NIOCore
import ProxyKernel
import Synchronization

/// A file in memory that a worker and the core have both as long as their connection lasts: bodies of events stand in its slots, and
/// answers change them there. From any thread.
///
/// A memory file of its own for each body costs the system more than the body's copy does: its pages are found, cleared and given back
/// each time. These stay. The worker may write anything anywhere in it at any time, and the core believes nothing that it reads: it takes
/// one copy, and looks at that. What a worker spoils is its own events. The file keeps its size, so that the core may have it mapped; with
/// write(2) it would wait for the worker's own writes, which can be long.
final class BodyArea: Sendable {
    /// In bytes. Pages that were never written are none.
    static let size = 8 << 20
    /// The longest body that gets a slot. Longer ones are copied elsewhere than on a loop.
    static let longestBody = BodyStore.copiedSoon
    private static let page = 4096

    /// A place for one body, until it is dropped.
    final class Slot: Sendable {
        fileprivate let area: BodyArea
        fileprivate let range: Range<Int>
        /// How it is named in a line.
        let reference: ContentReference

        fileprivate init(_ area: BodyArea, _ range: Range<Int>, size: Int) {
            self.area = area
            self.range = range
            reference = .area(at: range.lowerBound, size: size, room: range.count)
        }

        deinit { area.free(range) }
    }

    /// A copy of what stands at a place now, which must be within one of the slots that its event was lent.
    static func read(_ count: Int, at offset: Int, in slots: [Slot]) throws(BodyFileFailure) -> ByteBuffer {
        let slot = slots.first { slot in
            count >= 0 && slot.range.lowerBound <= offset && offset <= slot.range.upperBound
                && count <= slot.range.upperBound - offset
        }
        guard let slot else {
            let places = slots.map { "\($0.range.count) bytes at \($0.range.lowerBound)" }.joined(separator: " or ")
            throw BodyFileFailure("expected a place within \(places), found \(count) bytes at \(offset)")
        }
        return ByteBuffer(bytes: UnsafeRawBufferPointer(start: slot.area.bytes.advanced(by: offset), count: count))
    }

    let file: OwnedDescriptor
    /// In ascending order, none next to another.
    private let vacant = Mutex<[Range<Int>]>([0..<BodyArea.size])

    nonisolated(unsafe) private let bytes: UnsafeMutableRawPointer

    init() throws(BodyFileFailure) {
        file = OwnedDescriptor(try MemoryFile.makeShared(size: Self.size))
        let mapped = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0)
        guard let mapped, mapped != MAP_FAILED else {
            throw BodyFileFailure("a memory file cannot be mapped", errno: errno)
        }
        bytes = mapped
    }

    deinit { munmap(bytes, Self.size) }

    /// Puts a body into a slot, with room for an answer that is a quarter longer: the lowest that is free, so that few pages are ever
    /// used. Nil if there is none.
    func place(_ body: ByteBuffer) -> Slot? {
        let size = body.readableBytes
        guard size <= Self.longestBody else { return nil }
        let length = (size + size / 4 + Self.page - 1) / Self.page * Self.page
        let range: Range<Int>? = vacant.withLock { vacant in
            guard let index = vacant.firstIndex(where: { $0.count >= length }) else { return nil }
            let begin = vacant[index].lowerBound
            if vacant[index].count == length {
                vacant.remove(at: index)
            } else {
                vacant[index] = begin + length..<vacant[index].upperBound
            }
            return begin..<begin + length
        }
        guard let range else { return nil }
        body.withUnsafeReadableBytes { body in
            UnsafeMutableRawBufferPointer(start: bytes.advanced(by: range.lowerBound), count: size).copyMemory(from: body)
        }
        return Slot(self, range, size: size)
    }

    private func free(_ range: Range<Int>) {
        vacant.withLock { vacant in
            let index = vacant.firstIndex { $0.lowerBound >= range.upperBound } ?? vacant.count
            var whole = range
            if index < vacant.count, vacant[index].lowerBound == range.upperBound {
                whole = whole.lowerBound..<vacant.remove(at: index).upperBound
            }
            if index > 0, vacant[index - 1].upperBound == range.lowerBound {
                vacant[index - 1] = vacant[index - 1].lowerBound..<whole.upperBound
            } else {
                vacant.insert(whole, at: index)
            }
        }
    }
}
