import CLinux
import Glibc

/// Our end of a datagram socket whose other end has a name: what systemd's daemons listen at. From any thread.
final class DatagramSocket: Sendable {
    /// How long a send may wait for a receiver that is behind, in seconds.
    private static let patience = 5

    private let number: CInt
    /// A path, or `@` and an abstract name.
    private let name: String

    /// Nil if the name is none, or no socket can be had.
    init?(_ name: String) {
        let bytes = Array(name.utf8)
        guard let first = bytes.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@") && bytes.count > 1,
            bytes.count < Self.longestName
        else { return nil }
        number = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return nil }
        self.name = name
        var time = timeval(tv_sec: Self.patience, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var room: CInt = 8 << 20
        setsockopt(number, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<CInt>.size))
    }

    deinit { close(number) }

    /// Sends the bytes with copies of the descriptors. The result is 0 or the error's number; `waits` says whether a receiver that is
    /// behind is waited for.
    func send(_ bytes: [UInt8], descriptors: [CInt] = [], waits: Bool) -> CInt {
        var bytes = bytes
        var address = sockaddr_un()
        let length = Self.write(name, to: &address)
        let carried = MemoryLayout<CInt>.size * descriptors.count
        let controlSize = descriptors.isEmpty ? 0 : MemoryLayout<cmsghdr>.size + carried
        // A control message takes whole words.
        let room = (controlSize + 7) & ~7
        return withUnsafeTemporaryAllocation(byteCount: max(room, 8), alignment: 8) { control in
            control.initializeMemory(as: UInt8.self, repeating: 0)
            if controlSize > 0 {
                var head = cmsghdr()
                (head.cmsg_len, head.cmsg_level, head.cmsg_type) = (controlSize, SOL_SOCKET, CInt(SCM_RIGHTS))
                control.storeBytes(of: head, as: cmsghdr.self)
                for (index, descriptor) in descriptors.enumerated() {
                    control.storeBytes(
                        of: descriptor, toByteOffset: MemoryLayout<cmsghdr>.size + index * MemoryLayout<CInt>.size, as: CInt.self)
                }
            }
            return bytes.withUnsafeMutableBytes { payload in
                var part = iovec(iov_base: payload.baseAddress, iov_len: payload.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    withUnsafeMutablePointer(to: &address) { address in
                        var message = msghdr()
                        (message.msg_name, message.msg_namelen) = (UnsafeMutableRawPointer(address), length)
                        (message.msg_iov, message.msg_iovlen) = (part, 1)
                        if controlSize > 0 { (message.msg_control, message.msg_controllen) = (control.baseAddress, room) }
                        let flags = CInt(MSG_NOSIGNAL) | (waits ? 0 : CInt(MSG_DONTWAIT))
                        while sendmsg(number, &message, flags) < 0 {
                            if errno != EINTR { return errno }
                        }
                        return 0
                    }
                }
            }
        }
    }

    private static let longestName = MemoryLayout.size(ofValue: sockaddr_un().sun_path)

    /// The name as an address; the result is its length.
    private static func write(_ name: String, to address: inout sockaddr_un) -> socklen_t {
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \sockaddr_un.sun_path) ?? 2
        return socklen_t(offset + bytes.count + (isAbstract ? 0 : 1))
    }
}
