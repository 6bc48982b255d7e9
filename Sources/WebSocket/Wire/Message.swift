import FlowModel
import NIOCore

/// A message's payload as it stands in frames, masks taken off.
package struct FramedPayload: Equatable {
    package var bytes: [UInt8] = []
    /// Bytes of each frame but the last, which has the rest.
    package var cuts: [Int] = []
    package var isCompressed = false

    package init(bytes: [UInt8] = [], cuts: [Int] = [], isCompressed: Bool = false) {
        self.bytes = bytes
        self.cuts = cuts
        self.isCompressed = isCompressed
    }
}

/// One whole message that a peer has sent.
package struct ReceivedMessage: Equatable {
    package var kind: WebSocketMessage.Kind
    /// Uncompressed.
    package var content: [UInt8]
    /// As it came; its bytes are the content's, without a copy, if it was not compressed.
    package var framed: FramedPayload

    package init(_ kind: WebSocketMessage.Kind, _ content: [UInt8], framed: FramedPayload) {
        self.kind = kind
        self.content = content
        self.framed = framed
    }
}

/// Bytes of a message's frames that go on as they came.
package struct Passage: Equatable {
    package var bytes: ByteBuffer
    /// A frame ends with them, so that another may follow.
    package var endsFrame: Bool
    /// The message that ends with them.
    package var message: PassedMessage?

    package init(_ bytes: ByteBuffer, endsFrame: Bool, message: PassedMessage? = nil) {
        self.bytes = bytes
        self.endsFrame = endsFrame
        self.message = message
    }
}

/// A message whose frames have gone on.
package struct PassedMessage: Equatable {
    package var kind: WebSocketMessage.Kind
    /// Uncompressed; nil if there is more of it than is kept.
    package var content: [UInt8]?

    package init(_ kind: WebSocketMessage.Kind, _ content: [UInt8]?) {
        self.kind = kind
        self.content = content
    }
}
