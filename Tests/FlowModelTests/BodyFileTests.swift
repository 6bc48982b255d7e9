import Foundation
import NIOCore
import Schema
import Testing

@testable import FlowModel

/// Bodies in files, and the forms of content that are about them.
final class BodyFileTests {
    private let folder = "/tmp/weir-bodies-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func file(_ pieces: [String]) throws -> BodyFile {
        let writer = try BodyFileWriter(folder: folder)
        for piece in pieces { try writer.append(ByteBuffer(string: piece)) }
        return try writer.finish()
    }

    @Test("what was written is read, wherever one begins and however much one asks for")
    func reads() throws {
        let file = try file(["abc", "", "defg"])
        #expect(file.size == 7)
        for (offset, count, expected) in [(0, 7, "abcdefg"), (2, 3, "cde"), (5, 100, "fg"), (7, 1, ""), (9, 1, ""), (3, 0, "")] {
            #expect(try String(buffer: file.read(at: offset, count: count)) == expected)
        }
        var pieces = ""
        try file.eachPiece { pieces += String(decoding: $0, as: UTF8.self) }
        #expect(pieces == "abcdefg")
    }

    @Test("the file has no name, and the folder is its owner's alone")
    func isUnnamed() throws {
        let inner = "\(folder)/bodies"
        let writer = try BodyFileWriter(folder: inner)
        try writer.append(ByteBuffer(string: "x"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: inner) == [])
        let mode = try FileManager.default.attributesOfItem(atPath: inner)[.posixPermissions] as? Int
        #expect(mode == 0o700)
    }

    @Test("another descriptor of the file is for reading alone")
    func isReadOnly() throws {
        let file = try file(["abc"])
        let other = try file.openReadOnly()
        defer { close(other) }
        #expect(pwrite(other, "x", 1, 0) == -1 && errno == EBADF)
        #expect(ftruncate(other, 0) == -1)
        var status = stat()
        #expect(fstat(other, &status) == 0 && status.st_size == 3 && status.st_mode & 0o777 == 0o400)
    }

    @Test("descriptors are closed with the last one who holds them, whether the body was finished or not")
    func closes() throws {
        func open() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count(where: isOurs) }
        func isOurs(_ name: String) -> Bool {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)"))?.hasPrefix(folder) ?? false
        }
        var file: BodyFile? = try file(["abc"])
        var writer: BodyFileWriter? = try BodyFileWriter(folder: folder)
        #expect(try open() == 2)
        (file, writer) = (nil, nil)
        #expect(try open() == 0 && file == nil && writer == nil)
    }

    @Test("a file that is shorter than it was is a failure, not a body")
    func isCut() throws {
        let path = "\(folder)/cut"
        try Data("abc".utf8).write(to: URL(fileURLWithPath: path))
        let file = BodyFile(owning: open(path, O_RDONLY), size: 5)
        let failure = #expect(throws: BodyFileFailure.self) { try file.read(at: 0, count: 5) }
        #expect(failure?.description == "a body's file ends after 3 of 5 bytes")
    }

    @Test("without a folder to make it in, the failure names the folder and the reason")
    func hasNoFolder() {
        let failure = #expect(throws: BodyFileFailure.self) { try BodyFileWriter(folder: "\(self.folder)/a/b") }
        #expect(failure?.description == "a body cannot be held in a file in \(folder)/a/b: No such file or directory")
    }

    @Test("in a state a body in a file is one that was left out, with its size")
    func isOmitted() throws {
        let content = Content.file(try file(["abc"]))
        #expect(String(decoding: content.wireJSON.encoded, as: UTF8.self) == #"{"omitted":3}"#)
        #expect(content.size == 3 && content.isHeld && content.buffer == nil && content.withoutFile == .omitted(3))
    }

    @Test(
        "references are no changes, whatever they name; a descriptor is for those who take it",
        arguments: [#"{"omitted":1}"#, #"{"ref":1,"size":9}"#, #"{"stream":1}"#])
    func unchanged(json: String) throws {
        let json = try JSONReader().read(Array(json.utf8))
        #expect(try Content.changes(from: .bytes(ByteBuffer(string: "x")), to: json, at: "c", access: .writable).isEmpty)
        #expect(throws: StateRefusal.self) {
            try Content.changes(from: .missing, to: ["fd": 2, "size": 1], at: "c", access: .writable)
        }
    }

    @Test("a flow takes what its body takes on the disk, and nothing of it once it was dropped")
    func footprint() throws {
        var flow = HTTPFlow.blank
        let before = flow.footprint
        flow.request.content = .file(try file([String(repeating: "x", count: 100_000)]))
        flow.keepBackup()
        #expect(flow.any.footprint >= before + 200_000)
        var any = flow.any
        any.dropFiles()
        guard case .http(let boxed) = any else { return }
        let dropped = boxed.value
        #expect(dropped.request.content == .omitted(100_000) && dropped.backup?.value.request.content == .omitted(100_000))
    }
}
