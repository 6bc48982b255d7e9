import Glibc
import NIOCore

extension Channel {
    /// Keeps the channel's socket from programs that are started; NIO opens sockets without the flag. On the channel's loop.
    public func closeOnExec() {
        _ = try? pipeline.syncOperations.withUnsafeTransportIfAvailable { (number: NIOBSDSocket.Handle) in
            fcntl(number, F_SETFD, FD_CLOEXEC)
        }
    }
}
