import CLinux
import Glibc
import Systemd

/// A new process of the program, perhaps of a newer file, that takes the place of this one.
///
/// It is started with the same words, and finds the listening sockets as a service finds those of its manager.
struct Successor {
    /// Why there is none: a sentence for people.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The path of the program's file, as it was started; a newer one may be there by now. Nil if it was not found.
    static let program: String? = {
        let word = CommandLine.arguments.first ?? ""
        if word.contains("/") { return word.hasPrefix("/") ? word : workingFolder.map { "\($0)/\(word)" } }
        let folders = (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(word)" }.first { access($0, X_OK) == 0 }
    }()

    private static var workingFolder: String? {
        guard let folder = getcwd(nil, 0) else { return nil }
        defer { free(folder) }
        return String(cString: folder)
    }

    let pid: pid_t
    private let line: HandoverLine

    /// Starts one that has copies of the descriptors.
    init(_ descriptors: [(name: String, number: CInt)], _ environment: ServiceEnvironment) throws(Failure) {
        guard let program = Self.program else { throw Failure(description: "the program's file is not known") }
        guard let (ours, theirs) = HandoverLine.pair() else { throw Failure.system("no pair of sockets") }
        defer { theirs.close() }
        let handed = descriptors + [(HandoverLine.name, theirs.number)]
        do throws(Failure) {
            let variables = environment.successorVariables(processID: getpid(), names: handed.map(\.name))
            pid = try Self.spawn(program, handed.map(\.number), variables)
            line = ours
        } catch {
            ours.close()
            throw error
        }
    }

    /// Returns when it could serve clients. If it ends before or takes too long, it is gone when this throws.
    func ready(within patience: Duration) async throws(Failure) { try await hears(.ready, within: patience) }

    /// Lets it serve clients, and returns when it does; the line is over then.
    func serves(within patience: Duration) async throws(Failure) {
        line.say(.goOn)
        try await hears(.serving, within: patience)
        line.close()
    }

    private func hears(_ word: HandoverLine.Word, within patience: Duration) async throws(Failure) {
        let heard = await line.hear(within: patience)
        guard heard != word else { return }
        line.close()
        guard heard == nil else { throw Failure(description: "process \(pid) \(ended()) before it was ready") }
        kill(pid, SIGKILL)
        _ = ended()
        throw Failure(description: "process \(pid) was not ready after \(patience.components.seconds) seconds")
    }

    /// Reaps it; how it ended.
    private func ended() -> String {
        var status: Int32 = 0
        // What keeps the process from ending is not waited for longer than it takes to kill it.
        for _ in 0..<100 where waitpid(pid, &status, WNOHANG) == 0 { usleep(10_000) }
        guard status & 0x7F == 0 else { return "was killed by signal \(status & 0x7F)" }
        return "exited with status \((status >> 8) & 0xFF)"
    }

    private static func spawn(_ program: String, _ numbers: [CInt], _ variables: [String: String]) throws(Failure) -> pid_t {
        // Copies above the places that they are to have, so that none is overwritten before it was moved.
        let free = ListenDescriptors.first + CInt(numbers.count)
        let copies = numbers.map { fcntl($0, F_DUPFD_CLOEXEC, free) }
        defer { for copy in copies where copy >= 0 { close(copy) } }
        guard !copies.contains(where: { $0 < 0 }) else { throw Failure.system("no descriptors") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (index, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, ListenDescriptors.first + CInt(index))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
        var present: [UnsafeMutablePointer<CChar>?] = []
        var entry = environ
        while let variable = entry.pointee {
            present.append(strdup(variable))
            entry += 1
        }
        var environment = present + variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { (arguments + environment).forEach { Glibc.free($0) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, program, &actions, &attributes, &arguments, &environment)
        guard result == 0 else { throw Failure(description: "\(program): \(String(cString: strerror(result)))") }
        return pid
    }
}

extension Successor.Failure {
    fileprivate static func system(_ text: String) -> Self { Self(description: "\(text): \(String(cString: strerror(errno)))") }
}
