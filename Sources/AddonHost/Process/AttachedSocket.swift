import Glibc
import NIOCore
import NIOPosix
import ProxyKernel
import Sockets

/// The socket at which workers attach themselves.
struct AttachedSocket: Sendable {
    private let channel: any Channel
    /// Of a file that is taken away in the end; nil if that is somebody else's business.
    private let path: String?

    /// Listens at a socket that others have opened. `path` is taken away in the end, if there is one.
    static func adopt(_ descriptor: CInt, path: String?, loop: any EventLoop, host: AddonHost) async throws -> AttachedSocket {
        do {
            let channel = try await bootstrap(loop, host).withBoundSocket(descriptor).get()
            return AttachedSocket(channel: channel, path: path)
        } catch {
            throw AddonFailure("addon socket (descriptor \(descriptor)): \(AddonFailure.reason(error))")
        }
    }

    /// Listens at `path`, mode 0660. A socket file that nobody answers at is taken away first.
    static func open(_ path: String, loop: any EventLoop, host: AddonHost) async throws -> AttachedSocket {
        do throws(SocketFile.Failure) { try SocketFile.clear(path) } catch { throw AddonFailure("addon socket \(error)") }
        return try await adopt(bind(path), path: path, loop: loop, host: host)
    }

    /// A listening socket at the path. NIO would take the file away when it closes one of its own, also where a successor listens.
    private static func bind(_ path: String) throws(AddonFailure) -> CInt {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        let isBound = withAddress(of: path) { address, length in number >= 0 && Glibc.bind(number, address, length) == 0 }
        guard isBound, chmod(path, 0o660) == 0, listen(number, 128) == 0 else {
            let reason = String(cString: strerror(errno))
            if isBound { unlink(path) }
            if number >= 0 { Glibc.close(number) }
            throw AddonFailure("addon socket '\(path)': \(reason)")
        }
        return number
    }

    private static func withAddress<Result>(of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    private static func bootstrap(_ loop: any EventLoop, _ host: AddonHost) -> ServerBootstrap {
        ServerBootstrap(group: loop).childChannelInitializer { channel in admit(channel, loop: loop, host: host) }
    }

    /// `isHandedOver` says that another process listens there from now on.
    func close(isHandedOver: Bool) async {
        try? await channel.close()
        if let path, !isHandedOver { unlink(path) }
    }

    /// Leaves workers that come to another process that has the socket, or takes them again.
    func setAccepting(_ accepts: Bool) async { try? await channel.setOption(.autoRead, value: accepts).get() }

    /// The socket's number and whether its file is ours, for a successor.
    func handover() async -> (descriptor: CInt, isOwn: Bool)? {
        let channel = channel
        let number = try? await channel.eventLoop.submit { channel.socketNumber }.get()
        return (number ?? nil).map { ($0, path != nil) }
    }

    /// Who is at the other end, as the kernel says (`struct ucred`, which glibc's Swift module hides).
    private struct Credentials {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
    }

    private static func admit(_ channel: any Channel, loop: any EventLoop, host: AddonHost) -> EventLoopFuture<Void> {
        guard let provider = channel as? any SocketOptionProvider else {
            return loop.makeFailedFuture(AddonFailure("no peer credentials"))
        }
        let credentials: EventLoopFuture<Credentials> = provider.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED))
        return credentials.flatMapThrowing { peer in
            let isOurs = peer.uid == 0 || peer.uid == geteuid()
            let name = host.addonAttached(by: peer.uid)
            guard isOurs || name != nil || host.uids.contains(peer.uid) else {
                let who = "process \(peer.pid) of user \(peer.uid)"
                host.log.line(.warning, "addon-socket", "refused \(who): see addon_socket_uids")
                throw AddonFailure(who)
            }
            guard host.attachedCount < host.maximumAttached else {
                let who = "process \(peer.pid) of user \(peer.uid)"
                host.log.line(
                    .warning, "addon-socket", "refused \(who): \(host.attachedCount) workers are attached; see addon_max_attached"
                )
                throw AddonFailure(who)
            }
            let addon = try host.add(name ?? "attached-\(peer.pid)", .attached, isOperator: isOurs && name == nil)
            let worker = addon.add(on: { _ in loop }, host: host)
            host.log.line(.info, worker.name, "attached: process \(peer.pid) of user \(peer.uid)")
            try worker.adopt(channel).flatMap { host.greet(worker) }.whenComplete { result in
                switch result {
                case .success: worker.enlist()
                case .failure(let error):
                    host.log.line(.warning, worker.name, "\(error)")
                    host.forget(worker)
                    channel.close(promise: nil)
                }
            }
        }
    }
}
