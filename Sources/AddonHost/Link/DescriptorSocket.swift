import Glibc

/// The socket beside a worker's connection on which descriptors travel: one in each packet, whose payload is its number in decimal
/// digits. Confined to the link's loop; nothing here waits.
///
/// Our numbers are odd and the worker's even, so that an answer which sends back what it was shown is told from one with a body of its
/// own. Numbers rise. A descriptor that no line has named when a higher one is named belongs to an event that was withdrawn, and is closed.
final class DescriptorSocket {
    /// Packets that are looked through for one number.
    private static let packets = 64
    /// Descriptors that are kept for lines which have not come.
    private static let early = 16
    /// In bytes: room for some ten packets. What a worker never takes stays with the system, copies of bodies among it.
    private static let sendBuffer: CInt = 4096
    /// Of a control message with one descriptor: its head and the number.
    private static let controlSize = MemoryLayout<cmsghdr>.size + MemoryLayout<CInt>.size

    private static let rights = CInt(SCM_RIGHTS)

    private let socket: OwnedDescriptor
    private var next = 1
    private var lastNamed = 0
    private var waiting: [Int: OwnedDescriptor] = [:]

    init(_ socket: OwnedDescriptor) {
        self.socket = socket
        let flags = fcntl(socket.number, F_GETFL)
        _ = fcntl(socket.number, F_SETFL, flags | O_NONBLOCK)
        var size = Self.sendBuffer
        setsockopt(socket.number, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Sends a descriptor, and returns its number; nil if the worker has not taken those before it.
    func send(_ descriptor: OwnedDescriptor) -> Int? {
        let number = next
        var payload = Array("\(number)".utf8)
        let result = withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { control in
            var head = cmsghdr()
            (head.cmsg_len, head.cmsg_level, head.cmsg_type) = (Self.controlSize, SOL_SOCKET, Self.rights)
            control.storeBytes(of: head, as: cmsghdr.self)
            control.storeBytes(of: descriptor.number, toByteOffset: MemoryLayout<cmsghdr>.size, as: CInt.self)
            return Self.withMessage(&payload, control) { message in
                message.msg_controllen = Self.controlSize
                return sendmsg(socket.number, &message, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
        }
        guard result == payload.count else { return nil }
        next += 2
        return number
    }

    /// Sends the file for bodies that both sides have, as the first one. Where the system gives none, as before Linux 6.3, its number is
    /// nobody's, since the worker would take what has it for that file.
    func share(_ area: BodyArea?) -> BodyArea? {
        guard let area, send(area.file) != nil else {
            next += 2
            return nil
        }
        return area
    }

    /// The descriptor that a line has named. What the worker has sent is there before the line.
    func receive(_ number: Int) -> Result<OwnedDescriptor, DescriptorFailure> {
        guard number > lastNamed else {
            return .failure(DescriptorFailure("descriptor \(number) was named, or given up, before"))
        }
        lastNamed = number
        var problem: String?
        var left = Self.packets
        while waiting[number] == nil, left > 0, let packet = receivePacket() {
            left -= 1
            switch packet {
            case .success(let (found, descriptor)) where found >= number && waiting.count < Self.early:
                waiting[found] = descriptor
            case .success: break
            case .failure(let failure): problem = failure.description
            }
        }
        let found = waiting.removeValue(forKey: number)
        waiting = waiting.filter { $0.key > number }
        if let found { return .success(found) }
        let reason = problem.map { "; \($0)" } ?? ""
        return .failure(DescriptorFailure("no descriptor \(number) was sent before the line that names it\(reason)"))
    }

    /// Nil if there is none.
    private func receivePacket() -> Result<(Int, OwnedDescriptor), DescriptorFailure>? {
        var payload = [UInt8](repeating: 0, count: 24)
        return withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { control in
            var flags: CInt = 0
            var length = 0
            let count = Self.withMessage(&payload, control) { message in
                // Room for one: of more the system keeps none for us.
                message.msg_controllen = Self.controlSize
                let count = recvmsg(socket.number, &message, CInt(MSG_DONTWAIT | MSG_CMSG_CLOEXEC))
                (flags, length) = (message.msg_flags, Int(message.msg_controllen))
                return count
            }
            guard count >= 0 else { return nil }
            let head = control.load(as: cmsghdr.self)
            var descriptor: OwnedDescriptor?
            if length >= Self.controlSize, head.cmsg_level == SOL_SOCKET, head.cmsg_type == Self.rights {
                descriptor = OwnedDescriptor(control.load(fromByteOffset: MemoryLayout<cmsghdr>.size, as: CInt.self))
            }
            guard count > 0 || descriptor != nil else { return nil }
            guard flags & CInt(MSG_CTRUNC) == 0, let descriptor else {
                return .failure(
                    DescriptorFailure("a packet had \(descriptor == nil ? "no descriptor" : "more than one descriptor")"))
            }
            let digits = payload.prefix(count)
            guard count <= 16, digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(String(decoding: digits, as: UTF8.self)), number % 2 == 0
            else { return .failure(DescriptorFailure("a packet had no even number in digits")) }
            return .success((number, descriptor))
        }
    }

    private static func withMessage(
        _ payload: inout [UInt8], _ control: UnsafeMutableRawBufferPointer, _ body: (inout msghdr) -> Int
    ) -> Int {
        payload.withUnsafeMutableBytes { payload in
            var part = iovec(iov_base: payload.baseAddress, iov_len: payload.count)
            return withUnsafeMutablePointer(to: &part) { part in
                var message = msghdr()
                message.msg_iov = part
                message.msg_iovlen = 1
                message.msg_control = control.baseAddress
                return body(&message)
            }
        }
    }
}

/// Why a descriptor is not there: a sentence for people.
struct DescriptorFailure: Error, Sendable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
