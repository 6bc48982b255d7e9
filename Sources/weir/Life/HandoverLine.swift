import Glibc

/// What a process and its successor say to each other while clients pass from the one to the other: a socket, a byte a word.
///
/// The successor says `ready`; its predecessor accepts no more and says `goOn`; the successor accepts and says `serving`. So the two never
/// accept at the same time, which either would take for an error, and there is always one that can.
struct HandoverLine: Sendable {
    enum Word: UInt8 {
        case ready = 0x31, goOn, serving
        /// The other process is gone.
        case over = 0
    }

    /// The name under which a successor finds its end.
    static let name = "handover"
    /// How long a successor waits for its predecessor, which has nothing to do but to stop accepting.
    private static let patience = Duration.seconds(10)

    let number: CInt

    init(_ number: CInt) { self.number = number }

    static func pair() -> (ours: HandoverLine, theirs: HandoverLine)? {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
        return (HandoverLine(ends[0]), HandoverLine(ends[1]))
    }

    func say(_ word: Word) {
        var byte = word.rawValue
        send(number, &byte, 1, CInt(MSG_NOSIGNAL))
    }

    /// Nil if nothing was said in time.
    func hear(within patience: Duration) async -> Word? {
        let end = ContinuousClock.now + patience
        while ContinuousClock.now < end {
            var byte: UInt8 = 0
            let count = recv(number, &byte, 1, CInt(MSG_DONTWAIT))
            if count == 1 { return Word(rawValue: byte) ?? .over }
            if count == 0 || ![EAGAIN, EINTR].contains(errno) { return .over }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return nil
    }

    func close() { Glibc.close(number) }

    /// The successor's side: returns when it may accept. One whose predecessor has died meanwhile may, too.
    func takeOver() async {
        say(.ready)
        _ = await hear(within: Self.patience)
    }

    /// The successor's last word.
    func serving() {
        say(.serving)
        close()
    }
}
