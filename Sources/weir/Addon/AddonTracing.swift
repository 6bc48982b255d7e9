import ArgumentParser
import Control
import Glibc
import Schema

/// `weir addon trace NAME FILE`: records what goes between a running core and an addon.
struct AddonTracing: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Records what goes between a running core and an addon, until it is interrupted.",
        discussion:
            "Credentials in headers are hidden. The file is for weir addon replay. Exit statuses: 0, 1 if something went wrong or there is no such addon, 2 for a wrong argument."
    )
    @OptionGroup var place: CoreSocketOptions
    @ArgumentParser.Option(help: "What is hidden besides, as the option addon_hide says it; may be given several times.")
    var hide: [String] = []
    @ArgumentParser.Option(help: "Ends after so many seconds.") var seconds: Double?
    @Argument(help: "The addon's name.") var name: String
    @Argument(help: "The file, which may not be there yet.") var file: String

    /// Milliseconds between two questions.
    private static let pause = 100

    func run() throws {
        let core = try place.open("addon.trace")
        let parameters: JSON = ["name": .string(name), "hide": .array(hide.map { .string($0) })]
        var answer = try core.call("addon.trace", parameters)
        let output = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard output >= 0 else { throw FlowFailure("'\(file)': \(String(cString: strerror(errno)))") }
        defer { close(output) }
        var ends = sigset_t()
        sigemptyset(&ends)
        for signal in [SIGINT, SIGTERM] { sigaddset(&ends, signal) }
        pthread_sigmask(SIG_BLOCK, &ends, nil)
        var steps = 0
        var dropped = 0
        var left = seconds.map { Int($0 * 1000) }
        var isLast = false
        while true {
            let lines = answer["lines"]?.array ?? []
            for line in lines { Terminal.write(TextTable.line(line), to: output) }
            steps += lines.count
            dropped += answer["dropped"]?.int ?? 0
            let hasMore = answer["more"]?.bool == true
            if isLast, !hasMore { break }
            if !isLast, !hasMore {
                var wait = timespec(tv_sec: 0, tv_nsec: min(Self.pause, left ?? Self.pause) * 1_000_000)
                isLast = sigtimedwait(&ends, nil, &wait) > 0
                left = left.map { $0 - Self.pause }
                if let left, left <= 0 { isLast = true }
            }
            answer = try core.call("addon.trace", parameters)
        }
        let missed = dropped > 0 ? ", \(dropped) bytes were left out" : ""
        // The first line is the file's own.
        Terminal.write("\(max(0, steps - 1)) lines\(missed)\n", to: STDOUT_FILENO)
    }
}
