import ArgumentParser
import Control
import Glibc

extension ParsableCommand {
    /// Runs the command as a program of its own, with the arguments behind its name; the result is the exit status.
    static func execute(_ arguments: [String]) -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        let name = configuration.commandName ?? "weir"
        do {
            let isBare = arguments.isEmpty && !configuration.subcommands.isEmpty
            var command = try parseAsRoot(isBare ? ["--help"] : arguments)
            try command.run()
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch let failure as FlowFailure {
            Terminal.write("weir: \(failure.text)\n", to: STDERR_FILENO)
            return failure.status
        } catch {
            let isHelp = exitCode(for: error) == .success
            let text = isHelp ? fullMessage(for: error, columns: 110) : "weir: \(message(for: error)) (\(name) --help says more)"
            Terminal.write(text + "\n", to: isHelp ? STDOUT_FILENO : STDERR_FILENO)
            return isHelp ? 0 : 2
        }
    }
}
