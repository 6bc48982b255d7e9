import CNghttp2
import Glibc
import Synchronization

/// Where nghttp2's sessions live: its large blocks stand on pages of their own, which take no memory until they are written to.
///
/// A session keeps 16 KiB for one frame, 4 KiB for a table of streams and twice 1 KiB for tables of fields, of which an idle connection
/// uses next to nothing. From the C library's heap they would be pages that others have used before. Freed pages go back to the system
/// at once and are zero again; four tables of fields share one, which stays.
final class PageMemory: Sendable {
    static let shared = PageMemory()

    private static let page = 4096
    private static let regionSize = 4 << 20
    /// Of fields: 128 pointers.
    private static let table = 1024

    /// Blocks of one size, cut from regions of their own.
    private struct Shelf {
        let size: Int
        var free: [UInt] = []
    }

    private struct State {
        /// nghttp2's tables of fields, its tables of streams, and five pages for its frames.
        var shelves = [Shelf(size: table), Shelf(size: page), Shelf(size: 5 * page)]
        /// The shelf of each region, by its address.
        var regions: [UInt: Int] = [:]
    }

    private let state = Mutex(State())

    /// As nghttp2 takes it; lives as long as the program, and is never written again.
    nonisolated(unsafe) static let allocator: UnsafeMutablePointer<nghttp2_mem> = {
        let allocator = UnsafeMutablePointer<nghttp2_mem>.allocate(capacity: 1)
        allocator.initialize(
            to: nghttp2_mem(
                mem_user_data: nil,
                malloc: { size, _ in PageMemory.shared.allocate(size, mayBeUsed: true) ?? malloc(size) },
                free: { block, _ in if !PageMemory.shared.release(block) { free(block) } },
                calloc: { count, size, _ in PageMemory.shared.allocate(count &* size) ?? calloc(count, size) },
                realloc: { block, size, _ in PageMemory.shared.resize(block, size) }))
        return allocator
    }()

    /// A block of zeros, unless it `mayBeUsed`; nil for sizes that the heap serves better, and when the system gives no more.
    private func allocate(_ size: Int, mayBeUsed: Bool = false) -> UnsafeMutableRawPointer? {
        let index: Int
        switch size {
        case Self.table where mayBeUsed: index = 0
        case Self.page: index = 1
        case Self.page + 1...5 * Self.page: index = 2
        default: return nil
        }
        return state.withLock { state in
            if state.shelves[index].free.isEmpty { Self.addRegion(for: index, &state) }
            return state.shelves[index].free.popLast().flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
        }
    }

    /// False if the block is the heap's: few of the heap's begin where one of ours could.
    private func release(_ block: UnsafeMutableRawPointer?) -> Bool {
        guard let block, UInt(bitPattern: block) % UInt(Self.table) == 0 else { return false }
        let address = UInt(bitPattern: block)
        return state.withLock { state in
            guard let index = state.regions[address & ~UInt(Self.regionSize - 1)] else { return false }
            Self.empty(address, state.shelves[index].size)
            state.shelves[index].free.append(address)
            return true
        }
    }

    /// Gives the pages back of the block within which that address is, whose bytes nobody needs; they are zeros then.
    func empty(around place: UnsafeRawPointer) {
        let address = UInt(bitPattern: place)
        state.withLock { state in
            let base = address & ~UInt(Self.regionSize - 1)
            guard let index = state.regions[base] else { return }
            let size = state.shelves[index].size
            Self.empty(address - (address - base) % UInt(size), size)
        }
    }

    private static func empty(_ block: UInt, _ size: Int) {
        if size >= page { madvise(UnsafeMutableRawPointer(bitPattern: block), size, MADV_DONTNEED) }
    }

    private func resize(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let block else { return allocate(size) ?? malloc(size) }
        guard let old = capacity(of: block) else { return realloc(block, size) }
        guard size > old, let new = allocate(size) ?? malloc(size) else { return size > old ? nil : block }
        new.copyMemory(from: block, byteCount: old)
        _ = release(block)
        return new
    }

    private func capacity(of block: UnsafeMutableRawPointer) -> Int? {
        let address = UInt(bitPattern: block)
        guard address % UInt(Self.table) == 0 else { return nil }
        return state.withLock { state in
            state.regions[address & ~UInt(Self.regionSize - 1)].map { state.shelves[$0].size }
        }
    }

    /// Gets a region that begins at a multiple of its size, and cuts it into blocks.
    private static func addRegion(for index: Int, _ state: inout State) {
        let mapped = mmap(nil, 2 * regionSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { return }
        let start = UInt(bitPattern: mapped)
        let base = (start + UInt(regionSize) - 1) & ~UInt(regionSize - 1)
        if base > start { munmap(mapped, Int(base - start)) }
        let end = base + UInt(regionSize)
        let excess = start + UInt(2 * regionSize) - end
        if excess > 0 { munmap(UnsafeMutableRawPointer(bitPattern: end), Int(excess)) }
        // One touched page must not bring in the 511 around it.
        madvise(UnsafeMutableRawPointer(bitPattern: base), regionSize, MADV_NOHUGEPAGE)
        state.regions[base] = index
        let size = UInt(state.shelves[index].size)
        for place in stride(from: base, to: end - size + 1, by: Int(size)) { state.shelves[index].free.append(place) }
    }
}
