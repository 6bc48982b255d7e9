import FlowModel
import NIOCore

/// Takes a body as it goes to its receiver.
public protocol BodySink: AnyObject {
    func body(_ bytes: ByteBuffer)
    func bodyEnded(trailers: Headers?)
    /// The body broke off: what was sent must not look complete.
    func bodyFailed(_ failure: ProxyFailure)
    /// False while the sender should pause.
    var takesBody: Bool { get }
    /// Who feeds it, to be told when it can take more. Weak.
    var feeding: (any BodySource)? { get set }
}

/// Who feeds a sink.
public protocol BodySource: AnyObject {
    /// The sink can take more.
    func sinkIsReady()
}

/// Takes a body and gives another: what stands between a body's producer and its receiver. Confined to the session's loop.
///
/// Bytes may come once more after `takesBody` has become false: what was read already. A stage that can take more again tells
/// `feeding`. When the body fails, so does `output`.
public protocol BodyStage: BodySink {
    /// What comes out. Its receiver holds the stage back by it.
    var output: BodyPipe { get }
}
