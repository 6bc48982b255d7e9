import FlowModel
import NIOCore

/// The server's side of SOCKS 5 (RFC 1928) with user names and passwords (RFC 1929), up to the answer to the client's request.
///
/// States: greeting, then credentials and their checking if that method is chosen, then request, then connecting; terminal are done,
/// where the bytes are the tunnel's, and refused. Whoever uses it gives it bytes with `received` and calls `next` until it answers
/// `.needMore`; after `.check` and `.connect` that is so until `credentialsChecked`, `connected` or `failed` was called.
///
/// It enforces the syntax, and CONNECT as the only command. Who may come in, names and connections are left to others.
public struct SOCKSServer {
    /// What is to be done next.
    public enum Action: Equatable, Sendable {
        case needMore
        case send(ByteBuffer)
        /// Whether the client may come in is to be found out.
        case check(name: String, password: String)
        case connect(Address)
        /// To be sent, if it is not empty; then the connection is closed. The sentence is for people.
        case refuse(ByteBuffer, String)
    }

    /// How a client's request was answered (RFC 1928 6).
    public enum Reply: UInt8, Sendable {
        case succeeded, generalFailure, notAllowed, networkUnreachable, hostUnreachable, connectionRefused, expired
        case commandNotSupported, addressTypeNotSupported
    }

    private enum State: Equatable { case greeting, credentials, checking, request, connecting, done, refused }

    private static let version: UInt8 = 5
    private static let credentialsVersion: UInt8 = 1
    private static let withoutCredentials: UInt8 = 0
    private static let withCredentials: UInt8 = 2
    private static let noMethod: UInt8 = 0xFF

    private let demandsCredentials: Bool
    private let wantsCredentials: Bool
    private var state = State.greeting
    private var input = ByteBuffer()

    /// `demandsCredentials` lets nobody in without them; `wantsCredentials` takes them from clients that have some.
    public init(demandsCredentials: Bool, wantsCredentials: Bool) {
        self.demandsCredentials = demandsCredentials
        self.wantsCredentials = wantsCredentials
    }

    /// Bytes came from the client. They are kept until they are understood, so the caller bounds them by not reading on.
    public mutating func received(_ bytes: ByteBuffer) { input.writeImmutableBuffer(bytes) }

    /// How many bytes wait.
    public var waiting: Int { input.readableBytes }

    /// The bytes behind the request, which are the tunnel's.
    public mutating func takeRemaining() -> ByteBuffer {
        defer { input = ByteBuffer() }
        return input
    }

    public mutating func next() -> Action {
        switch state {
        case .greeting: readGreeting()
        case .credentials: readCredentials()
        case .request: readRequest()
        case .checking, .connecting, .done, .refused: .needMore
        }
    }

    /// The answer to `.check`.
    public mutating func credentialsChecked(areValid: Bool) -> Action {
        let answer = ByteBuffer(bytes: [Self.credentialsVersion, areValid ? 0 : 1])
        guard areValid else { return refuse(answer, "its name and password are not valid") }
        state = .request
        return .send(answer)
    }

    /// The answer to `.connect`: what the client is told, `address` being ours towards the server.
    public mutating func connected(from address: Address?) -> ByteBuffer {
        state = .done
        return Self.answer(.succeeded, address)
    }

    /// The answer to `.connect` that the server could not be reached.
    public mutating func failed(_ reply: Reply) -> ByteBuffer {
        state = .refused
        return Self.answer(reply, nil)
    }

    // MARK: Messages

    private mutating func readGreeting() -> Action {
        guard let version = peek(0) else { return .needMore }
        guard version == Self.version else {
            let isText = (0x41...0x5A).contains(version)
            return refuse(
                ByteBuffer(),
                "expected SOCKS version 5, found byte \(version)" + (isText ? "; is it configured for an HTTP proxy?" : ""))
        }
        guard let count = peek(1), let methods = take(2 + Int(count))?.dropFirst(2) else { return .needMore }
        let offersNone = methods.contains(Self.withoutCredentials)
        if methods.contains(Self.withCredentials), demandsCredentials || wantsCredentials || !offersNone {
            state = .credentials
            return .send(ByteBuffer(bytes: [Self.version, Self.withCredentials]))
        }
        if offersNone, !demandsCredentials {
            state = .request
            return .send(ByteBuffer(bytes: [Self.version, Self.withoutCredentials]))
        }
        let lack = demandsCredentials ? "no name and password, which are demanded" : "no method of authentication that is known"
        return refuse(ByteBuffer(bytes: [Self.version, Self.noMethod]), "it offers \(lack)")
    }

    private mutating func readCredentials() -> Action {
        guard let version = peek(0) else { return .needMore }
        guard version == Self.credentialsVersion else {
            return refuse(
                ByteBuffer(bytes: [Self.credentialsVersion, 1]), "expected name and password in version 1, found byte \(version)")
        }
        guard let nameLength = peek(1), let passwordLength = peek(2 + Int(nameLength)),
            let bytes = take(3 + Int(nameLength) + Int(passwordLength))
        else { return .needMore }
        state = .checking
        let name = bytes[2..<2 + Int(nameLength)], password = bytes[(3 + Int(nameLength))...]
        return .check(name: String(decoding: name, as: UTF8.self), password: String(decoding: password, as: UTF8.self))
    }

    private mutating func readRequest() -> Action {
        guard let version = peek(0) else { return .needMore }
        guard version == Self.version else {
            return refuse(Self.answer(.generalFailure, nil), "expected a request of SOCKS version 5, found byte \(version)")
        }
        guard let command = peek(1), let type = peek(3), let size = Self.size(ofType: type, peek(4)) else {
            guard let type = peek(3), ![1, 3, 4].contains(type) else { return .needMore }
            return refuse(Self.answer(.addressTypeNotSupported, nil), "address type \(type) is not known")
        }
        guard let bytes = take(4 + size + 2) else { return .needMore }
        guard command == 1 else {
            return refuse(Self.answer(.commandNotSupported, nil), "command \(command) is not supported, only CONNECT (1)")
        }
        let port = Int(bytes[bytes.endIndex - 2]) << 8 | Int(bytes[bytes.endIndex - 1])
        guard let host = Self.host(ofType: type, bytes[4..<4 + size]), port > 0 else {
            return refuse(
                Self.answer(.generalFailure, nil), "the server in its request is neither a name nor an address with a port")
        }
        state = .connecting
        return .connect(Address(host: host, port: port))
    }

    private mutating func refuse(_ answer: ByteBuffer, _ note: String) -> Action {
        state = .refused
        return .refuse(answer, note)
    }

    // MARK: Bytes

    private func peek(_ offset: Int) -> UInt8? { input.getInteger(at: input.readerIndex + offset) }
    private mutating func take(_ count: Int) -> [UInt8]? { input.readBytes(length: count) }

    /// How many bytes an address takes, a name with its length; nil if the type is unknown or the length is still to come.
    private static func size(ofType type: UInt8, _ length: UInt8?) -> Int? {
        switch type {
        case 1: 4
        case 3: length.map { 1 + Int($0) }
        case 4: 16
        default: nil
        }
    }

    private static func host(ofType type: UInt8, _ bytes: ArraySlice<UInt8>) -> String? {
        guard type == 3 else { return try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress }
        let name = bytes.dropFirst()
        let isName = { (byte: UInt8) in (0x21...0x7E).contains(byte) && !"/?#@[]\\%".utf8.contains(byte) }
        return name.isEmpty || !name.allSatisfy(isName) ? nil : String(decoding: name, as: UTF8.self)
    }

    private static func answer(_ reply: Reply, _ address: Address?) -> ByteBuffer {
        var bytes = ByteBuffer(bytes: [version, reply.rawValue, 0])
        switch address.flatMap({ try? SocketAddress(ipAddress: $0.host, port: $0.port) }) {
        case .v6(let six):
            bytes.writeInteger(UInt8(4))
            withUnsafeBytes(of: six.address.sin6_addr) { _ = bytes.writeBytes($0) }
        case .v4(let four):
            bytes.writeInteger(UInt8(1))
            withUnsafeBytes(of: four.address.sin_addr) { _ = bytes.writeBytes($0) }
        default: bytes.writeMultipleIntegers(UInt8(1), UInt32(0))
        }
        bytes.writeInteger(UInt16(truncatingIfNeeded: address?.port ?? 0))
        return bytes
    }
}
