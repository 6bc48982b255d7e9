import Glibc
import NIOCore

extension Channel {
    /// Keeps the channel's socket from programs that are started; NIO opens sockets without the flag. On the channel's loop.
    public func closeOnExec() { _ = socketNumber.map { fcntl($0, F_SETFD, FD_CLOEXEC) } }

    /// Nil where the channel is none of a socket's. On the channel's loop; looked up among the channel's types: to be asked for once.
    public var socketNumber: NIOBSDSocket.Handle? {
        try? pipeline.syncOperations.withUnsafeTransportIfAvailable { (number: NIOBSDSocket.Handle) in number }
    }
}
