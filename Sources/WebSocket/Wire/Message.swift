import FlowModel
import NIOCore

/// A message's payload as it stands in frames, masks taken off.
public struct FramedPayload: Equatable, Sendable {
    public var bytes: [UInt8] = []
    /// Bytes of each frame but the last, which has the rest.
    public var cuts: [Int] = []
    public var isCompressed = false

    public init(bytes: [UInt8] = [], cuts: [Int] = [], isCompressed: Bool = false) {
        self.bytes = bytes
        self.cuts = cuts
        self.isCompressed = isCompressed
    }
}

/// One whole message that a peer has sent.
public struct ReceivedMessage: Equatable, Sendable {
    public var kind: WebSocketMessage.Kind
    /// Uncompressed.
    public var content: [UInt8]
    /// As it came; its bytes are the content's, without a copy, if it was not compressed.
    public var framed: FramedPayload

    public init(_ kind: WebSocketMessage.Kind, _ content: [UInt8], framed: FramedPayload) {
        self.kind = kind
        self.content = content
        self.framed = framed
    }
}

/// Bytes of a message's frames that go on as they came.
public struct Passage: Equatable, Sendable {
    public var bytes: ByteBuffer
    /// A frame ends with them, so that another may follow.
    public var endsFrame: Bool
    /// The message that ends with them.
    public var message: PassedMessage?

    public init(_ bytes: ByteBuffer, endsFrame: Bool, message: PassedMessage? = nil) {
        self.bytes = bytes
        self.endsFrame = endsFrame
        self.message = message
    }
}

/// A message whose frames have gone on.
public struct PassedMessage: Equatable, Sendable {
    public var kind: WebSocketMessage.Kind
    /// Uncompressed; nil if there is more of it than is kept.
    public var content: [UInt8]?

    public init(_ kind: WebSocketMessage.Kind, _ content: [UInt8]?) {
        self.kind = kind
        self.content = content
    }
}
