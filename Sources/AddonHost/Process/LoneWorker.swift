import FlowModel
import Glibc
import NIOCore
import ProxyKernel
import Schema
import Synchronization

/// A worker's process without a host behind it, for those who speak with it themselves. One thread's.
///
/// It is started as the host would start it, in its cage. Its socket and what it prints are read by the owner, without blocking.
public final class LoneWorker {
    /// Our end of its connection.
    public let socket: CInt
    /// Where what it prints comes out.
    public let output: CInt
    private let descriptors: DescriptorSocket?
    /// What it shares with us, and what of it the last event has.
    private var area: BodyArea?
    private var slots: [BodyArea.Slot] = []
    private let store: BodyStore
    private let report: OwnedDescriptor?
    private let child: ChildProcess
    private let ending: Ending

    private final class Ending: Sendable {
        let exit = Mutex<ChildProcess.Exit?>(nil)
    }

    /// `settings` are those of the addon's own name. Fails where the process cannot be started.
    public init(
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
        (socket, output, report) = (ends.socket, ends.output, ends.report)
        descriptors = ends.descriptors.map { DescriptorSocket($0) }
        store = BodyStore(settings)
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
    public var end: String? { ending.exit.withLock { $0?.description } }

    public func kill() { child.signal(SIGKILL) }

    /// The worker reads no more of us, and we may still read of it.
    public func shutDownWriting() { shutdown(socket, Int32(SHUT_WR)) }

    /// Sends a body beside the connection; the result is the number that its line names.
    public func carry(_ body: ByteBuffer) throws(AddonFailure) -> Int {
        guard let descriptors else { throw AddonFailure("descriptors were not agreed on") }
        let file: OwnedDescriptor
        do throws(BodyFileFailure) { file = try SealedMemory.copy(body) } catch { throw AddonFailure("\(error)") }
        guard let number = descriptors.send(file) else { throw AddonFailure("it has not taken the descriptors before") }
        return number
    }

    /// Sends the file that holds bodies; once, before any other body.
    public func share() { area = descriptors?.share(try? BodyArea()) }

    /// Whether there is such a file.
    public var shares: Bool { area != nil }

    /// Puts a body into the shared file, in the place of the last one; the result is how its line names it.
    public func lend(_ body: ByteBuffer) throws(AddonFailure) -> ContentReference {
        guard let slot = area?.place(body) else { throw AddonFailure("there is no shared file with room for a body") }
        slots = [slot]
        return slot.reference
    }

    /// An answer without the bodies that it names by descriptor or by their place, each of which was taken as the core takes it.
    public func taken(_ result: JSON, shown: [(MessageSide, ContentReference)]) throws -> JSON {
        let returned = try ReturnedBodies(result, shown: shown.map { (side: $0.0, reference: $0.1) })
        for body in returned.named {
            switch body.place {
            case .area(let offset): _ = try BodyArea.read(body.size, at: offset, in: slots)
            case .descriptor(let number):
                guard let descriptors else { throw AddonFailure("descriptors were not agreed on") }
                _ = try SealedMemory.take(try descriptors.receive(number).get(), size: body.size, into: store)
            }
        }
        return returned.rest
    }
}
