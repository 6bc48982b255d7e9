import Foundation
import Testing

@testable import AddonHost

/// An addon's file, and what it imports, as they change on the disk.
@Suite struct WatchedFileTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-watched-\(UUID().uuidString)")
    private var main: URL { folder.appendingPathComponent("main.py") }
    private var other: URL { folder.appendingPathComponent("other.py") }

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false) }

    private func write(_ text: String, to file: URL) throws { try Data(text.utf8).write(to: file) }

    @Test("a change is one when it has been there for two looks, in what is imported as well")
    func changes() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write("import other", to: main)
        try write("a = 1", to: other)
        var watched = WatchedFile(main.path, followsImports: true)
        func looksChanged() -> Bool { watched.hasChanged() }
        #expect(!looksChanged())
        try write("a = 10", to: other)
        #expect(!looksChanged())
        #expect(looksChanged())
        #expect(!looksChanged())
    }

    @Test("what is imported no more may go for good; the file itself is waited for")
    func goes() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write("import other", to: main)
        try write("a = 1", to: other)
        var watched = WatchedFile(main.path, followsImports: true)
        func looksChanged() -> Bool { watched.hasChanged() }
        try FileManager.default.removeItem(at: other)
        try write("a = 1", to: main)
        #expect(!looksChanged())
        #expect(looksChanged())
        try FileManager.default.removeItem(at: main)
        #expect(!looksChanged())
        #expect(!looksChanged())
        try write("a = 12", to: main)
        #expect(!looksChanged())
        #expect(looksChanged())
    }
}
