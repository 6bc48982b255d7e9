import Foundation
import Glibc
import Testing

@testable import Systemd

@Suite struct JournalSocketTests {
    private func field(_ name: String, _ value: String) throws -> JournalField { try #require(JournalField(name, value)) }

    @Test("fields are lines; those of several lines have a length")
    func entry() throws {
        let journal = Listening()
        let socket = try #require(JournalSocket(path: journal.name))
        #expect(socket.send([try field("MESSAGE", "two\nlines"), try field("PRIORITY", "6")]))
        #expect(
            journal.receive()?.bytes == Array("MESSAGE\n".utf8) + [9, 0, 0, 0, 0, 0, 0, 0]
                + Array("two\nlines\nPRIORITY=6\n".utf8))
    }

    @Test("an entry that is too long for a datagram goes as a sealed memory file", arguments: [100, 128 << 10, 12 << 20])
    func long(count: Int) throws {
        let journal = Listening()
        let socket = try #require(JournalSocket(path: journal.name))
        let message = String(repeating: "x", count: count)
        #expect(socket.send([try field("MESSAGE", message)]))
        let (bytes, descriptors) = try #require(journal.receive())
        let whole = "MESSAGE=\(message)\n"
        guard count > 1000 else { return #expect(bytes == Array(whole.utf8)) }
        #expect(bytes.isEmpty)
        let file = try #require(descriptors.first)
        defer { close(file) }
        #expect(lseek(file, 0, SEEK_END) == whole.utf8.count)
        #expect(fcntl(file, 1034) == 0xF)
        var start = [UInt8](repeating: 0, count: 9)
        #expect(pread(file, &start, 9, 0) == 9)
        #expect(start == Array("MESSAGE=x".utf8))
    }

    @Test(
        "names that the journal would drop are none",
        arguments: ["", "_PID", "1ST", "message", "A-B", String(repeating: "A", count: 65)])
    func names(name: String) { #expect(JournalField(name, "") == nil) }

    @Test("a stream that is not the descriptor's file is not the journal's")
    func stream() throws {
        #expect(JournalSocket(stream: "0:0", descriptor: 2) == nil)
        #expect(JournalSocket(stream: "", descriptor: 2) == nil)
        var status = stat()
        fstat(2, &status)
        #expect(JournalSocket(stream: "\(status.st_dev):\(status.st_ino)", descriptor: 2) != nil)
    }

    @Test("without a journal an entry is not taken")
    func nobody() throws {
        let socket = try #require(JournalSocket(path: "/nonexistent/journal"))
        #expect(!socket.send([try field("MESSAGE", "x")]))
    }
}
