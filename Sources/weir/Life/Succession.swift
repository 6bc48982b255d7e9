import AddonHost
import Control
import FlowFiles
import Logging
import Schema
import Systemd

/// The replacement of this process by a new one of the program, without a refused connection: SIGUSR2.
final class Succession {
    /// How long a successor has to start and to be ready: its addons may have much to read.
    private static let patience = Duration.seconds(60)

    private let life: Life
    private let listener: Listener
    private let host: AddonHost
    private let probes: Probes
    private let logger: Logger
    /// Why there can be none; nil if there can.
    private let obstacle: String?
    private(set) var hasHappened = false

    init(life: Life, listener: Listener, host: AddonHost, probes: Probes, logger: Logger, obstacle: String?) {
        (self.life, self.listener, self.host) = (life, listener, host)
        (self.probes, self.logger, self.obstacle) = (probes, logger, obstacle)
    }

    /// What two processes cannot share.
    static func obstacle(_ settings: Settings) -> String? {
        guard settings[FlowFileOptions.table.server] else { return "nothing listens" }
        return settings[ArchiveOptions.table.hardump].isEmpty ? nil : "hardump's file is one process's"
    }

    /// Starts a successor and waits until it serves clients. True if it does: this process is to end then. If not, this one goes on.
    func happens() async -> Bool {
        do throws(Successor.Failure) {
            if let obstacle { throw Successor.Failure(description: obstacle) }
            var descriptors = listener.sockets.map { (name: $0.name, number: $0.number) }
            if let addons = await host.attachedSocket {
                let name = addons.isOwn ? Inheritance.ownAddonsName : Inheritance.addonsName
                descriptors.append((name, addons.descriptor))
            }
            logger.info("upgrade: starting \(Successor.program ?? "nothing")")
            await host.setAttaching(false)
            let successor = try Successor(descriptors, life.environment)
            try await successor.ready(within: Self.patience)
            await listener.setAccepting(false)
            await probes.close()
            do throws(Successor.Failure) { try await successor.serves(within: Self.patience) } catch {
                await listener.setAccepting(true)
                do throws(ProbeServer.Failure) { try await probes.open() } catch { logger.error("\(error)") }
                throw error
            }
            logger.info("upgrade: process \(successor.pid) serves clients now")
            life.replaced(by: successor.pid)
            host.replaced()
            hasHappened = true
            return true
        } catch {
            await host.setAttaching(true)
            logger.error("upgrade: \(error); this process goes on")
            return false
        }
    }
}
