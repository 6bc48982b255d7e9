import FlowModel
import Glibc
import NIOCore
import ProxyKernel

/// A SOCKS client until its tunnel begins. A shell around `SOCKSServer`.
final class SOCKSHandler: ByteConsumer {
    /// What a client may send ahead, at most.
    private static let limit = 64 * 1024

    private var server: SOCKSServer

    init(_ server: SOCKSServer) { self.server = server }

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        server.received(bytes)
        if server.waiting > Self.limit { session.client.setReading(false) }
        act(on: server.next(), on: session)
    }

    func inputClosed(on session: isolated Session) {
        // Somebody who ends before it has a tunnel has left.
        session.client.close()
    }

    func becameWritable(on session: isolated Session) {}
    func closed(on session: isolated Session) {}

    private func act(on first: SOCKSServer.Action, on session: isolated Session) {
        var action = first
        while true {
            switch action {
            case .needMore: return
            case .send(let bytes): session.client.write(bytes)
            case .check(let name, let password):
                return session.tell { await self.check(name, password, on: session) }
            case .connect(let target):
                return session.tell { await self.connect(to: target, on: session) }
            case .refuse(let bytes, let note):
                session.log(.warning, "\(session.clientRecord.peername): the SOCKS client is refused: \(note)")
                session.client.write(bytes)
                return session.client.close()
            }
            action = server.next()
        }
    }

    private func check(_ name: String, _ password: String, on session: isolated Session) async {
        var event = SOCKSAuthEvent(client: session.frozenClientRecord, username: name, password: password, isValid: true)
        do throws(ProxyFailure) {
            try await session.hooks.run(SOCKSHooks.table.auth, &event, waiter: session.waiter)
        } catch {
            event.isValid = false
        }
        act(on: server.credentialsChecked(areValid: event.isValid), on: session)
    }

    private func connect(to target: Address, on session: isolated Session) async {
        do throws(ProxyFailure) {
            let eager = try await session.dialAhead(target, waiter: session.waiter)
            session.client.write(server.connected(from: eager?.record.sockname))
            session.enterTunnel(to: target, eager: eager, early: server.takeRemaining())
        } catch {
            guard error.what != .cancelled else { return }
            session.log(.info, "\(session.clientRecord.peername): SOCKS to \(target): \(error.note)")
            session.client.write(server.failed(SOCKSServer.Reply(error)))
            session.client.close()
        }
    }
}

extension SOCKSServer.Reply {
    /// What a client is told of a failure to connect.
    init(_ failure: ProxyFailure) {
        self =
            switch failure.systemError {
            case ECONNREFUSED: .connectionRefused
            case ENETUNREACH: .networkUnreachable
            case EHOSTUNREACH, ETIMEDOUT: .hostUnreachable
            default:
                switch failure.what {
                case .killed, .worker: .notAllowed
                case .connect: failure.fault == .client ? .notAllowed : .hostUnreachable
                default: .generalFailure
                }
            }
    }
}
