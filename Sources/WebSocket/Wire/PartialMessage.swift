import FlowModel

/// A message of which the end has not come.
struct PartialMessage {
    let kind: WebSocketMessage.Kind
    var framed = FramedPayload()
    /// Of a compressed message, what came out so far.
    private(set) var unpacked: [UInt8] = []
    /// It goes on, and is too large to be kept: nothing of its content is.
    private(set) var isOmitted = false
    /// Why something unpacked was not taken.
    private(set) var finding: Violation?
    private var text = UTF8Progress()

    init(_ kind: WebSocketMessage.Kind) { self.kind = kind }

    var content: [UInt8] { framed.isCompressed ? unpacked : framed.bytes }
    /// No text that ends within a character.
    var isComplete: Bool { kind == .binary || text.isComplete }

    /// Looks at what comes next of the content.
    mutating func check(_ bytes: UnsafeRawBufferPointer) throws(Violation) {
        guard kind == .binary || text.take(bytes) else {
            throw Violation(.badContent, expected: "text in UTF-8", found: "other bytes")
        }
    }

    /// Takes in what came out of compressed data, up to `limit` bytes; false once there is a finding, which is the same in whatever
    /// pieces the bytes came.
    mutating func unpack(_ piece: UnsafeRawBufferPointer, limit: Int, passes: Bool) -> Bool {
        let room = limit - unpacked.count
        let isTooLarge = !isOmitted && piece.count > room
        do throws(Violation) {
            try check(isTooLarge && !passes ? .init(rebasing: piece.prefix(room)) : piece)
            if isTooLarge, !passes { throw .tooLarge(limit) }
        } catch {
            finding = error
            return false
        }
        if isTooLarge { omit() }
        if !isOmitted { unpacked.append(contentsOf: piece) }
        return true
    }

    mutating func omit() {
        isOmitted = true
        unpacked = []
        framed.bytes = []
    }

    /// Of a message whose frames have gone on: what is not its content is not needed any more.
    mutating func forgetFrames() {
        if isOmitted || framed.isCompressed { framed.bytes.removeAll(keepingCapacity: true) }
    }
}
