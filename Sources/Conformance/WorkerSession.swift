import AddonHost
import AddonWire
import Glibc
import Schema

/// One process and its connection: moves the bytes of a `Dialogue` and keeps the time. Blocks; confined to one thread.
final class WorkerSession {
    let worker: LoneWorker
    var dialogue: Dialogue
    /// Whether what the worker sends is read.
    var reads = true
    /// At most so many bytes go in one write.
    var largestWrite = 1 << 18
    /// What the worker printed, the last of it.
    private(set) var printed: [UInt8] = []
    private var isDeaf = false

    /// Bytes of the worker's prints that are kept.
    private static let keptPrints = 16 << 10

    init(_ worker: LoneWorker, limits: LinkLimits, calls: CallAnswers) {
        self.worker = worker
        dialogue = Dialogue(limits: limits, calls: calls)
    }

    var now: Int64 { MonotonicClock.now }

    /// Moves bytes until `isDone`, the dialogue's end or the time; whether it is done.
    func wait(until deadline: Int64, for isDone: (Dialogue) -> Bool) -> Bool {
        while !isDone(dialogue) {
            let left = deadline - now
            guard left > 0, !dialogue.isOver else { return isDone(dialogue) }
            turn(atMost: left)
        }
        return true
    }

    /// Moves bytes until nothing has moved for so long, or the time is over.
    func settle(quietFor quiet: Int64, until deadline: Int64) {
        while now < deadline, !dialogue.isOver, turn(atMost: quiet) {}
    }

    /// Moves what can be moved, or waits for that; whether something was.
    @discardableResult
    func turn(atMost milliseconds: Int64) -> Bool {
        var wanted: Int16 = 0
        if reads, !isDeaf { wanted |= Int16(POLLIN) }
        if !dialogue.output.isEmpty { wanted |= Int16(POLLOUT) }
        var polled = [
            pollfd(fd: wanted == 0 ? -1 : worker.socket, events: wanted, revents: 0),
            pollfd(fd: isQuiet ? -1 : worker.output, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polled, 2, Int32(clamping: max(0, milliseconds))) > 0 else { return false }
        var moved = false
        if polled[1].revents != 0 { readOutput() }
        if polled[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0, reads { moved = receive() || moved }
        if polled[0].revents & Int16(POLLOUT) != 0, !dialogue.output.isEmpty { moved = transmit() || moved }
        return moved
    }

    private var isQuiet = false

    private func transmit() -> Bool {
        let count = dialogue.output.withUnsafeBytes { bytes in
            Glibc.send(worker.socket, bytes.baseAddress, min(bytes.count, largestWrite), Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        if count > 0 { dialogue.wrote(count) }
        // Nobody reads any more; its last lines may still be there.
        if count < 0, errno == EPIPE || errno == ECONNRESET { dialogue.wrote(dialogue.output.count) }
        return count > 0
    }

    private func receive() -> Bool {
        let count = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
            let count = recv(worker.socket, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { dialogue.received(UnsafeRawBufferPointer(rebasing: buffer[..<count]), now: now) }
            return count
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return false }
        if count <= 0 {
            isDeaf = true
            dialogue.ended()
        }
        return true
    }

    private func readOutput() {
        var piece = [UInt8](repeating: 0, count: 1 << 14)
        let count = read(worker.output, &piece, piece.count)
        guard count > 0 else {
            if count == 0 { isQuiet = true }
            return
        }
        printed += piece[..<count]
        if printed.count > 2 * Self.keptPrints { printed.removeFirst(printed.count - Self.keptPrints) }
    }

    /// Ends the connection from our side; how the process ended within the time, or nil if it did not.
    func close(within milliseconds: Int64) -> String? {
        worker.shutDownWriting()
        let deadline = now + milliseconds
        while worker.end == nil, now < deadline { turn(atMost: 5) ? () : pause() }
        return worker.end
    }

    private func pause() { if isDeaf || !reads { usleep(3000) } }

    /// How it ended, where it has or is about to, for sentences.
    var obituary: String {
        let deadline = now + 500
        while worker.end == nil, now < deadline { usleep(5000) }
        return worker.end.map { "it \($0)" } ?? "it closed the connection"
    }
}
