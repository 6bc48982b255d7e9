import Foundation
import Glibc

/// A datagram socket that is bound to a name, as the manager and the journal have one.
final class Listening: Sendable {
    let name: String
    private let number: CInt

    /// In the file system, or abstract.
    init(isAbstract: Bool = false) {
        let unique = "weir-\(UUID().uuidString.prefix(13))"
        name = isAbstract ? "@" + unique : NSTemporaryDirectory() + unique
        number = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = isAbstract ? [0] + Array(unique.utf8) : Array(name.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, length) }
        }
        precondition(result == 0, "bind: \(String(cString: strerror(errno)))")
        var time = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(number)
        if name.hasPrefix("/") { unlink(name) }
    }

    /// The next datagram and the descriptors that came with it.
    func receive() -> (bytes: [UInt8], descriptors: [CInt])? {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let space = 256
        return withUnsafeTemporaryAllocation(byteCount: space, alignment: 8) { control in
            var (count, length) = (0, 0)
            bytes.withUnsafeMutableBytes { buffer in
                var part = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
                withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    (message.msg_iov, message.msg_iovlen) = (part, 1)
                    (message.msg_control, message.msg_controllen) = (control.baseAddress, space)
                    count = recvmsg(number, &message, CInt(MSG_CMSG_CLOEXEC))
                    length = Int(message.msg_controllen)
                }
            }
            guard count >= 0 else { return nil }
            var descriptors: [CInt] = []
            let head = MemoryLayout<cmsghdr>.size
            if length > head {
                let size = control.load(as: cmsghdr.self).cmsg_len
                for offset in stride(from: head, to: size, by: 4) {
                    descriptors.append(control.load(fromByteOffset: offset, as: CInt.self))
                }
            }
            return (Array(bytes.prefix(count)), descriptors)
        }
    }

    var text: String? { receive().map { String(decoding: $0.bytes, as: UTF8.self) } }
}
