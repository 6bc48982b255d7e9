import Glibc

/// The way to the service manager that `NOTIFY_SOCKET` names. From any thread.
public struct NotifySocket: Sendable {
    private let socket: DatagramSocket

    /// Nil if the name is neither a path nor `@` and an abstract name.
    public init?(_ name: String) {
        guard let socket = DatagramSocket(name) else { return nil }
        self.socket = socket
    }

    /// Sends the notifications as one datagram; `waits` is for those that must not be lost while the manager is behind. False if it
    /// was not taken.
    @discardableResult
    public func send(_ notifications: [Notification], descriptors: [CInt] = [], waits: Bool = true) -> Bool {
        let text = notifications.map(\.text).joined(separator: "\n")
        return socket.send(Array(text.utf8), descriptors: descriptors, waits: waits) == 0
    }

    /// Waits until the manager has worked through all that was sent before. False if it has not in time.
    public func synchronize(milliseconds: Int32 = 5000) -> Bool {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return false }
        defer { close(ends[0]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let isSent = send([.barrier], descriptors: [ends[1]])
        close(ends[1])
        guard isSent else { return false }
        // The manager closes its copy of the pipe's end when it comes to it.
        var polled = pollfd(fd: ends[0], events: 0, revents: 0)
        while true {
            let count = poll(&polled, 1, milliseconds)
            if count < 0, errno == EINTR { continue }
            return count > 0 && polled.revents & Int16(POLLHUP) != 0
        }
    }
}
