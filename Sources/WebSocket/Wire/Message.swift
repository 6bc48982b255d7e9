import FlowModel

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
