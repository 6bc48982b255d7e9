import FlowModel
import NIOCore
import Testing

@testable import FlowFiles

@Suite("tnetstrings")
struct TNetstringTests {
    @Test(
        "every type of value is read",
        arguments: [
            ("0:~", .null), ("4:true!", .bool(true)), ("5:false!", .bool(false)), ("2:-7#", .int(-7)), ("3:1.5^", .double(1.5)),
            ("5:1e+22^", .double(1e22)), ("3:inf^", .double(.infinity)), ("2:\u{7F}\u{1},", .bytes([0x7F, 1])),
            ("2:é;", .text("é")),
            ("0:,", .bytes([])), ("0:;", .text("")), ("0:]", .list([])), ("0:}", .dict([:])),
            ("006:3:abc;]", .list([.text("abc")])),
            ("16:1:b;1:2#1:a;1:1#}", .dict(["a": .int(1), "b": .int(2)])), ("8:1:b,1:2#}", .dict(["b": .int(2)])),
            ("16:1:a;1:1#1:a;1:2#}", .dict(["a": .int(2)])),
        ] as [(String, SavedValue)])
    func reads(text: String, value: SavedValue) throws {
        var scanner = TNetstringScanner()
        scanner.received(text)
        #expect(try scanner.next() == value)
        #expect(try scanner.next() == nil)
        try scanner.ended()
        #expect(scanner.offset == text.utf8.count)
    }

    @Test(
        "what is no tnetstring is refused with the place of the mistake",
        arguments: [
            ("x", 0, "the length of a value"), ("\n", 0, "the length of a value"), ("1x", 1, "a digit or a colon"),
            ("1234567890123:", 0, "at most 12 digits"), ("1:a?", 3, "the letter of a type"), ("1:x#", 2, "an integer"),
            ("20:99999999999999999999#", 3, "an integer"), ("1:x^", 2, "a number"), ("1:x!", 2, "true or false"),
            ("1:x~", 2, "nothing"),
            ("1:\u{FF}", 3, "the letter"), ("7:9:a;1:b]", 2, "a value that ends within"),
            ("4:1:a;}", 6, "a value for the last name"),
            ("8:1:1#1:2#}", 2, "texts as names"),
        ])
    func refuses(text: String, offset: Int, expected: String) {
        var scanner = TNetstringScanner()
        scanner.received(text)
        let failure = #expect(throws: FlowFileFailure.self) { while try scanner.next() != nil {} }
        #expect(failure?.offset == offset)
        #expect(failure?.expected.contains(expected) == true, "\(String(describing: failure))")
    }

    @Test("text that is not UTF-8 is refused")
    func refusesBytesAsText() {
        var scanner = TNetstringScanner()
        [0x31, 0x3A, 0xFF, 0x3B].withUnsafeBytes { scanner.received(UnsafeRawBufferPointer(rebasing: $0[...])) }
        #expect(throws: FlowFileFailure.self) { try scanner.next() }
    }

    @Test("values may come in pieces of any size", arguments: 1...20)
    func takesPieces(size: Int) throws {
        let text = Array("16:1:b;1:2#1:a;1:1#}4:1:x;]0:~".utf8)
        var scanner = TNetstringScanner()
        var values: [SavedValue] = []
        for start in stride(from: 0, to: text.count, by: size) {
            text[start..<min(start + size, text.count)].withUnsafeBytes { scanner.received($0) }
            while let value = try scanner.next() { values.append(value) }
        }
        try scanner.ended()
        #expect(values == [.dict(["a": .int(1), "b": .int(2)]), .list([.text("x")]), .null])
    }

    @Test("a stream that ends within a value says how much of it is missing")
    func endsEarly() throws {
        var scanner = TNetstringScanner()
        scanner.received("1:a;10:abc")
        #expect(try scanner.next() == .text("a"))
        #expect(try scanner.next() == nil)
        let failure = #expect(throws: FlowFileFailure.self) { try scanner.ended() }
        #expect(failure?.offset == 10)
        #expect(failure?.description.contains("11 bytes of a flow that begins at byte 7") == true)
        #expect(failure?.found == "the end of the file after 3 of them")
    }

    @Test("a length beyond the end of the file is refused before the file is read")
    func knowsTheSize() {
        var scanner = TNetstringScanner(size: 20)
        scanner.received("999999999:abc")
        let failure = #expect(throws: FlowFileFailure.self) { try scanner.next() }
        #expect(failure?.offset == 20)
    }

    @Test("nesting has a bound")
    func isBounded() {
        var text = ""
        for _ in 0..<100 { text = "\(text.utf8.count):\(text)]" }
        var scanner = TNetstringScanner()
        scanner.received(text)
        let failure = #expect(throws: FlowFileFailure.self) { try scanner.next() }
        #expect(failure?.expected.contains("within each other") == true)
    }

    @Test("what is put in comes out as mitmproxy writes it: lists in order, dictionaries in the reverse one")
    func writes() {
        var buffer = TNetstringBuffer(capacity: 1)
        buffer.dict { buffer in
            buffer.int(1)
            buffer.text("a")
            buffer.list { buffer in
                buffer.double(1)
                buffer.bool(true)
                buffer.null()
            }
            buffer.text("b")
            [0x78].withUnsafeBytes { buffer.bytes(UnsafeRawBufferPointer(rebasing: $0.prefix(1))) }
            buffer.text("c")
        }
        #expect(String(decoding: buffer.joined, as: UTF8.self) == "40:1:c;1:x,1:b;16:0:~4:true!3:1.0^]1:a;1:1#}")
    }

    @Test("a file counts with its length and comes out where it was put in")
    func writesFiles() throws {
        let writer = try BodyFileWriter(folder: "/tmp")
        try writer.append(ByteBuffer(string: "hello"))
        let file = try writer.finish()
        var buffer = TNetstringBuffer(capacity: 1)
        buffer.list { buffer in
            buffer.int(1)
            buffer.bytes(file)
            buffer.dict { buffer in
                buffer.bytes(file)
                buffer.text("a")
            }
            buffer.null()
        }
        #expect(String(decoding: buffer.joined, as: UTF8.self) == "31:0:~12:1:a;5:hello,}5:hello,1:1#]")
    }
}

extension TNetstringBuffer {
    /// All parts as one.
    var joined: [UInt8] {
        parts.flatMap { part in
            switch part {
            case .bytes(let bytes): return Array(bytes)
            case .file(let file): return (try? file.read(at: 0, count: file.size)).map { Array($0.readableBytesView) } ?? []
            }
        }
    }
}

extension TNetstringScanner {
    mutating func received(_ text: String) {
        Array(text.utf8).withUnsafeBytes { received($0) }
    }
}
