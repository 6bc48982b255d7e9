import FlowModel
import Glibc
import HTTPExchange
import ProxyKernel
import Schema

/// A body that does not stand in its event's line.
struct LargeBody: Sendable {
    let side: MessageSide
    var content: Content
    let size: Int
    /// Whether it goes by descriptor if that is possible.
    let wantsDescriptor: Bool
    /// Whether the worker may read it by calls.
    let mayBeHeld: Bool
    /// Whether it has room in the line, though it is held in a file.
    let fitsLine: Bool
    /// Where it stands in the file that is shared with the worker; nil if it is not there.
    var slot: BodyArea.Slot?
    var descriptor: OwnedDescriptor?

    /// Whether it has to go by a descriptor of its own.
    var needsDescriptor: Bool { wantsDescriptor && slot == nil }

    /// Whether `prepared` takes longer than to ask another thread for it.
    var isSlow: Bool {
        switch content {
        case .file(let file): !(file.isInMemory && wantsDescriptor)
        case _ where slot != nil: false
        default: size > BodyStore.copiedSoon
        }
    }

    /// With what takes time: a memory file or another descriptor, or the bytes of a file. Blocks.
    ///
    /// Where the system gives no descriptor it goes as it would without one.
    func prepared() throws(BodyFileFailure) -> LargeBody {
        var body = self
        switch content {
        case .bytes where slot != nil: break
        case .bytes(let bytes) where wantsDescriptor: body.descriptor = try? SealedMemory.copy(bytes)
        case .file(let file) where wantsDescriptor: body.descriptor = (try? file.openReadOnly()).map { OwnedDescriptor($0) }
        case .file(let file) where fitsLine: body.content = .bytes(try file.read(at: 0, count: file.size))
        default: break
        }
        return body
    }

    /// What stands in the line, where `reference` says how it was carried; nil if it cannot be shown.
    func shown(_ reference: ContentReference?) -> Content? {
        if let reference { return .reference(reference) }
        if case .file = content { return nil }
        return content
    }
}

/// How one worker takes bodies that are long.
struct BodyDelivery: Sendable {
    /// From here on a descriptor costs less than the line does, in bytes.
    private static let descriptorsFrom = 64 * 1024
    /// What is left in a line for all but the bodies, in bytes.
    private static let stateRoom = 8 * 1024

    /// By descriptor.
    let takesDescriptors: Bool
    /// In the file that is shared with it, if there is one.
    let area: BodyArea?
    /// By calls of `body.read`.
    let readsBodies: Bool
    /// The longest line that it takes.
    let line: Int

    /// With a copy in the shared file, if it may go there and there is room.
    func placed(_ body: LargeBody) -> LargeBody {
        guard let area, body.wantsDescriptor, case .bytes(let bytes) = body.content else { return body }
        var body = body
        body.slot = area.place(bytes)
        return body
    }

    /// The bodies of a flow that go beside the line, or have to be read for it; none of most flows.
    func large(in flow: HTTPFlow?) -> [LargeBody] {
        guard let flow else { return [] }
        var room = max(0, line - Self.stateRoom)
        var bodies: [LargeBody] = []
        for side in MessageSide.allCases {
            let content = side == .request ? flow.request.content : flow.response?.content ?? .missing
            guard content.isHeld, let size = content.size else { continue }
            let encoded = size / 3 * 4 + 16
            let isInFile = content.buffer == nil
            let wantsDescriptor = takesDescriptors && size >= Self.descriptorsFrom
            let fitsLine = encoded <= room
            if wantsDescriptor || isInFile || !fitsLine && readsBodies {
                bodies.append(
                    LargeBody(
                        side: side, content: content, size: size, wantsDescriptor: wantsDescriptor,
                        mayBeHeld: readsBodies && !fitsLine, fitsLine: fitsLine))
            }
            if !wantsDescriptor, fitsLine { room -= encoded }
        }
        return bodies
    }
}

extension HTTPFlow {
    /// The flow with other contents in the place of its large ones, and without those of what it was before.
    func placing(_ contents: [(side: MessageSide, content: Content)]) -> HTTPFlow {
        var flow = self
        for (side, content) in contents { flow.set(content, of: side) }
        flow.backup?.value.mapContents { $0.isHeld ? .omitted($0.size) : $0 }
        return flow
    }
}
