import CLinux
import Glibc
import Synchronization

/// A worker's process, started by us in a process group of its own.
///
/// It is reaped by one thread that does nothing else. Signals go to the whole group, and never to a process number that was
/// reaped and may belong to somebody else by now. The parent's death cannot be signalled to it (posix_spawn has no way to ask
/// the kernel for that): it learns of it by the end of its socket.
final class ChildProcess: Sendable {
    /// How a process ended.
    enum Exit: Sendable, Equatable, CustomStringConvertible {
        case status(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .status(let status): "exited with status \(status)"
            case .signal(let signal): "was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
            }
        }
    }

    let pid: pid_t
    private let isReaped = Mutex(false)

    /// Our ends of what was opened for a child; the caller owns them.
    struct Ends {
        let socket: CInt
        let output: CInt
        /// The socket on which descriptors travel.
        let descriptors: OwnedDescriptor?
        /// Where the cage says what it got; nil without one.
        let report: OwnedDescriptor?
    }

    /// Starts `command`; the first word is looked up in PATH if it has no slash.
    ///
    /// The child gets the socket as fd 3 or as fd 0 and 1, one pipe for what it prints, behind them the socket for descriptors if
    /// there is to be one, and no other. `exited` is called once, on a thread of its own.
    static func start(
        _ command: [String], in cage: Cage?, isStdio: Bool, carriesDescriptors: Bool, name: String,
        exited: @escaping @Sendable (Exit) -> Void
    ) throws(AddonFailure) -> (ChildProcess, Ends) {
        // Both ends are closed when this fails; the child's also when it does not.
        let carriers: (ours: OwnedDescriptor, childs: OwnedDescriptor)?
        if carriesDescriptors {
            let ends = try pair { socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, $0) }
            carriers = (OwnedDescriptor(ends.0), OwnedDescriptor(ends.1))
        } else {
            carriers = nil
        }
        let reports: (ours: OwnedDescriptor, childs: OwnedDescriptor)?
        if cage != nil {
            let ends = try pair { pipe($0) }
            reports = (OwnedDescriptor(ends.0), OwnedDescriptor(ends.1))
        } else {
            reports = nil
        }
        let sockets = try pair { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0) }
        let pipes: (CInt, CInt)
        do throws(AddonFailure) {
            pipes = try pair { pipe($0) }
        } catch {
            close(sockets.0)
            close(sockets.1)
            throw error
        }
        defer {
            close(sockets.1)
            close(pipes.1)
        }
        do throws(AddonFailure) {
            var environment = ["WEIR_ADDON_FD=\(isStdio ? 0 : 3)", "WEIR_ADDON_NAME=\(name)"]
            var free: CInt = isStdio ? 3 : 4
            let carrier = free
            if carriers != nil {
                environment.append("WEIR_ADDON_FDS=\(free)")
                free += 1
            }
            let report = free
            if reports != nil { free += 1 }
            let words = cage?.command(command, report: report) ?? command
            let pid = try spawn(words, environment, passes: { cage?.passes($0) ?? true }) { actions in
                if isStdio {
                    posix_spawn_file_actions_adddup2(&actions, sockets.1, 0)
                    posix_spawn_file_actions_adddup2(&actions, sockets.1, 1)
                } else {
                    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
                    posix_spawn_file_actions_adddup2(&actions, pipes.1, 1)
                    posix_spawn_file_actions_adddup2(&actions, sockets.1, 3)
                }
                posix_spawn_file_actions_adddup2(&actions, pipes.1, 2)
                if let carriers { posix_spawn_file_actions_adddup2(&actions, carriers.childs.number, carrier) }
                if let reports { posix_spawn_file_actions_adddup2(&actions, reports.childs.number, report) }
                _ = closeFrom?(&actions, free)
            }
            let child = ChildProcess(pid: pid)
            child.reap(exited)
            return (child, Ends(socket: sockets.0, output: pipes.0, descriptors: carriers?.ours, report: reports?.ours))
        } catch {
            close(sockets.0)
            close(pipes.0)
            throw error
        }
    }

    private init(pid: pid_t) { self.pid = pid }

    /// Sends a signal to the process and its descendants; does nothing once it was reaped.
    func signal(_ number: Int32) {
        isReaped.withLock { isReaped in
            if !isReaped { _ = kill(-pid, number) }
        }
    }

    private func reap(_ exited: @escaping @Sendable (Exit) -> Void) {
        let wait = Reaping { [self] in
            var info = siginfo_t()
            while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            var status: Int32 = 0
            isReaped.withLock { isReaped in
                // What the worker has started itself ends with it; while its leader is not reaped the group's number is ours.
                _ = kill(-pid, SIGKILL)
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                isReaped = true
            }
            let signal = status & 0x7F
            exited(signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal))
        }
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 256 << 10)
        defer { pthread_attr_destroy(&attributes) }
        let argument = Unmanaged.passRetained(wait)
        let result = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Reaping>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        if result != 0 {
            argument.release()
            signal(SIGKILL)
        }
    }

    private final class Reaping: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// `posix_spawn_file_actions_addclosefrom_np`, which glibc has since 2.34 and its Swift module hides. All our descriptors
    /// close on exec by themselves; this is for those that libraries opened.
    private static let closeFrom: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt)? = {
        guard let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else { return nil }
        return unsafeBitCast(
            symbol, to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt).self)
    }()

    /// Two descriptors that close on exec, above those that the child's own take the place of.
    private static func pair(_ make: (UnsafeMutablePointer<CInt>) -> CInt) throws(AddonFailure) -> (CInt, CInt) {
        var ends: [CInt] = [-1, -1]
        guard ends.withUnsafeMutableBufferPointer({ $0.baseAddress.map(make) ?? -1 }) == 0 else {
            throw AddonFailure("no descriptors for it: \(String(cString: strerror(errno)))")
        }
        for index in ends.indices {
            if ends[index] >= 10, fcntl(ends[index], F_SETFD, FD_CLOEXEC) == 0 { continue }
            let moved = fcntl(ends[index], F_DUPFD_CLOEXEC, 10)
            guard moved >= 0 else {
                let reason = String(cString: strerror(errno))
                ends.forEach { _ = close($0) }
                throw AddonFailure("no descriptors for it: \(reason)")
            }
            close(ends[index])
            ends[index] = moved
        }
        return (ends[0], ends[1])
    }

    private static func spawn(
        _ command: [String], _ additions: [String], passes: (String) -> Bool,
        descriptors: (inout posix_spawn_file_actions_t) -> Void
    ) throws(AddonFailure) -> pid_t {
        guard let program = command.first else { throw AddonFailure("the command is empty") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        descriptors(&actions)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setsigmask(&attributes, &none)
        // We ignore SIGPIPE; a shell loop that inherited this would not end with its socket.
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var arguments = command.map { strdup($0) } + [nil]
        var environment = inherited(without: additions, passes).map { strdup($0) } + additions.map { strdup($0) } + [nil]
        defer { (arguments + environment).forEach { free($0) } }
        // Woken by an event, it does not take the processor from us while we write the next ones. A hardened unit may refuse that.
        let isBatch = weir_schedule_as_batch(1) != 0
        defer { if isBatch { _ = weir_schedule_as_batch(0) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, program, &actions, &attributes, &arguments, &environment)
        guard result == 0 else {
            let reason = result == ENOENT ? "'\(program)' was not found" : "'\(program)': \(String(cString: strerror(result)))"
            throw AddonFailure("it cannot be started: \(reason)")
        }
        return pid
    }

    private static func inherited(without additions: [String], _ passes: (String) -> Bool) -> [String] {
        let names = additions.compactMap { $0.split(separator: "=").first.map { "\($0)=" } }
        var result: [String] = []
        var entry = environ
        while let text = entry.pointee {
            let variable = String(cString: text)
            let name = String(variable.prefix { $0 != "=" })
            if passes(name), !names.contains(where: variable.hasPrefix) { result.append(variable) }
            entry += 1
        }
        return result
    }
}
