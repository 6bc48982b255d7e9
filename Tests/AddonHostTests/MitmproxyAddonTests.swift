import Foundation
import Testing

@testable import AddonHost

struct MitmproxyAddonTests {
    private static let hooks: Set<String> = ["request", "response", "load"]

    private func inFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = NSTemporaryDirectory() + "weir-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    private func write(_ text: String, _ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test(
        "an addon of mitmproxy is known by its text",
        arguments: [
            ("import mitmproxy\n", true), ("from mitmproxy import http\n", true), ("from mitmproxy.http import Headers\n", true),
            ("import mitmproxyx\n", false), ("    import mitmproxy\n", false), ("# import mitmproxy\n", false),
            ("addons = [A()]\n", true), ("addons: list = []\n", true), ("addons == 1\n", false), ("addons_of = 1\n", false),
            ("def request(flow):\n", true), ("async def response(flow):\n", true), ("def load(l):\r\n    pass\r\n", true),
            ("    def request(self, flow):\n", false), ("def requests(flow):\n", false), ("def other(flow):\n", false),
            ("@worker.on('request')\ndef request(message):\n", false), ("import weir\ndef request(flow):\n", false),
            ("from weir import Addon\naddons = 1\n", false), ("os.environ['WEIR_ADDON_FD']\ndef request(flow):\n", false),
            ("", false),
        ])
    func known(text: String, isOne: Bool) throws {
        try inFolder { folder in
            try write(text, "\(folder)/x.py")
            #expect(MitmproxyAddon.isOne("\(folder)/x.py", hooks: Self.hooks) == isOne)
            let spec = try AddonSpec.parse("\(folder)/x.py", hooks: Self.hooks)
            #expect((spec.form == .mitmproxy(path: "\(folder)/x.py")) == isOne)
        }
    }

    @Test("mitmproxy: says outright what a file is")
    func outright() throws {
        try inFolder { folder in
            try write("x = 1\n", "\(folder)/mine.txt")
            let spec = try AddonSpec.parse("mitmproxy:\(folder)/mine.txt")
            #expect(spec == AddonSpec(name: "mine", form: .mitmproxy(path: "\(folder)/mine.txt"), file: "\(folder)/mine.txt"))
            #expect(throws: AddonFailure.self) { try AddonSpec.parse("mitmproxy:\(folder)/none.py") }
        }
    }

    @Test("what a file imports from its own folder is followed, also by what it imports, and never in a circle")
    func imports() throws {
        try inFolder { folder in
            try write("import os, b\nfrom c.d import x\n    from e import y\nfrom . import f\n", "\(folder)/a.py")
            for (text, name) in [("import a\nimport g\n", "b"), ("", "c/d"), ("", "e"), ("", "g/__init__"), ("", "unused")] {
                try write(text, "\(folder)/\(name).py")
            }
            let names = PythonImports.files(of: "\(folder)/a.py").map { $0.dropFirst(folder.count + 1) }
            #expect(names.sorted() == ["b.py", "c/d.py", "e.py", "g/__init__.py"])
        }
    }

    @Test("a watched file has changed when it, or what it imports, is another one and stands still")
    func watched() throws {
        try inFolder { folder in
            try write("import b\n", "\(folder)/a.py")
            try write("1", "\(folder)/b.py")
            var (whole, alone) = (WatchedFile("\(folder)/a.py", followsImports: true), WatchedFile("\(folder)/a.py"))
            func looks(_ file: inout WatchedFile) -> [Bool] { [file.hasChanged(), file.hasChanged(), file.hasChanged()] }
            #expect(looks(&whole) == [false, false, false])
            try write("12", "\(folder)/b.py")
            // At the first look it may still be written.
            #expect(looks(&whole) == [false, true, false])
            #expect(looks(&alone) == [false, false, false])
            try write("import b, c\n", "\(folder)/a.py")
            try write("", "\(folder)/c.py")
            #expect(looks(&whole) == [false, true, false] && looks(&alone) == [false, true, false])
            // What is imported since is watched.
            try write("1", "\(folder)/c.py")
            #expect(looks(&whole) == [false, true, false] && looks(&alone) == [false, false, false])
        }
    }
}
