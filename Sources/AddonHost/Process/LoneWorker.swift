import Glibc
import Schema
import Synchronization

/// A worker's process without a host behind it, for those who speak with it themselves. From any thread.
///
/// It is started as the host would start it, in its cage. Its socket and what it prints are read by the owner, without blocking.
package final class LoneWorker: Sendable {
    /// Our end of its connection.
    package let socket: CInt
    /// Where what it prints comes out.
    package let output: CInt
    private let descriptors: OwnedDescriptor?
    private let report: OwnedDescriptor?
    private let child: ChildProcess
    private let ending: Ending

    private final class Ending: Sendable {
        let exit = Mutex<ChildProcess.Exit?>(nil)
    }

    /// `settings` are those of the addon's own name. Fails where the process cannot be started.
    package init(
        _ spec: AddonSpec, settings: Settings, hooks: [any AnyHook], carriesDescriptors: Bool = false
    ) throws(AddonFailure) {
        guard case .spawn(let command, let isStdio) = spec.form else {
            throw AddonFailure("addon '\(spec.name)': expected a program that is started, not one that is connected to")
        }
        let addon = try Addon(
            name: spec.name, place: 0, form: .spawn(command, isStdio: isStdio), file: spec.file, isOperator: false,
            settings: settings, hooks: hooks)
        let ending = Ending()
        let ends: ChildProcess.Ends
        (child, ends) = try ChildProcess.start(
            command, in: try Cage(addon), isStdio: isStdio, carriesDescriptors: carriesDescriptors, name: spec.name
        ) { exit in ending.exit.withLock { $0 = exit } }
        self.ending = ending
        (socket, output, descriptors, report) = (ends.socket, ends.output, ends.descriptors, ends.report)
        for descriptor in [socket, output] {
            let flags = fcntl(descriptor, F_GETFL)
            _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        }
    }

    deinit {
        child.signal(SIGKILL)
        close(socket)
        close(output)
    }

    /// How it ended, for people; nil while it runs.
    package var end: String? { ending.exit.withLock { $0?.description } }

    package func kill() { child.signal(SIGKILL) }

    /// The worker reads no more of us, and we may still read of it.
    package func shutDownWriting() { shutdown(socket, Int32(SHUT_WR)) }
}
