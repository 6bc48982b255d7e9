import Testing

@testable import DNS

/// The text of names.
struct DomainNameTests {
    @Test(
        "a name's text leads back to its octets",
        arguments: [
            (#"\00"#, ""),
            (#"\07example\03org\00"#, "example.org"),
            (#"\07ExAmPle\00"#, "ExAmPle"),
            (#"\05_sips\04_tcp\01a\00"#, "_sips._tcp.a"),
            (#"\01*\01a\00"#, "*.a"),
            (#"\03a\2Eb\01c\00"#, #"a\.b.c"#),
            (#"\03a\5Cb\00"#, #"a\\b"#),
            (#"\04a\20\00\7F\00"#, #"a\032\000\127"#),
            (#"\03\C3\BC\FF\00"#, #"\195\188\255"#),
            (#"\0Dxn--bcher-kva\02de\00"#, "b\u{FC}cher.de"),
            (#"\0Dxn--Bcher-kva\00"#, "xn--Bcher-kva"),
            (#"\0DXN--bcher-kva\00"#, "XN--bcher-kva"),
            (#"\04xn--\00"#, "xn--"),
            (#"\07xn--abc\00"#, "xn--abc"),
            (#"\0Cxn--a-ecp.ru\00"#, #"xn--a-ecp\.ru"#),
            (#"\0Axn--wgv71a\01a\00"#, "\u{65E5}\u{672C}.a"),
        ])
    func text(wire: String, text: String) throws {
        var reader = WireReader([UInt8](repeating: 0, count: 12) + octets(wire))
        _ = try reader.bytes(12)
        let name = try reader.name()
        #expect(name.text == text)
        #expect(try DomainName(text: text) == name)
        #expect(name.octets == octets(wire))
    }

    @Test(
        "texts that mean the same name as another",
        arguments: [
            ("example.org.", "example.org"), (".", ""), (#"\097"#, "a"), (#"\a"#, "a"), ("B\u{DC}CHER.de", "b\u{FC}cher.de"),
            (#"xn--bcher-kva"#, "b\u{FC}cher"),
        ])
    func same(text: String, other: String) throws {
        #expect(try DomainName(text: text) == DomainName(text: other))
    }

    @Test(
        "texts that are no names say why",
        arguments: [
            ("a..b", "empty"), (".a", "empty"), ("..", "empty"), (#"a\"#, "backslash"), (#"\25"#, "backslash"),
            (#"\256"#, "backslash"), (#"\1x1"#, "backslash"), (#"\ü"#, "backslash"), (#"ü\200"#, "mixes"),
            (String(repeating: "a", count: 64), "64 octets"),
            (Array(repeating: "abcdefg", count: 32).joined(separator: "."), "257 octets"),
            (String(repeating: "ü", count: 60), "octets"),
        ])
    func refused(text: String, why: String) {
        let failure = #expect(throws: WireFailure.self) { try DomainName(text: text) }
        #expect(failure?.description.contains(why) == true, "\(failure?.description ?? "")")
    }

    @Test("the longest name has 255 octets")
    func longest() throws {
        let name = try DomainName(text: Array(repeating: "a", count: 127).joined(separator: "."))
        #expect(name.octets.count == 255)
    }

    @Test("names are the same whatever the case of their ASCII letters")
    func folding() throws {
        #expect(try DomainName(text: "EXAMPLE.org").isSame(as: DomainName(text: "example.ORG")))
        #expect(try !DomainName(text: #"\200"#).isSame(as: DomainName(text: #"\232"#)))
    }

    @Test("random octets survive the text")
    func random() throws {
        var random = SeededGenerator(state: 7)
        for _ in 0..<3000 {
            let labels = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                let start = Bool.random(using: &random) ? Array("xn--".utf8) : []
                let pool = Array("abcXz09-._\\\u{0}\u{FF}".utf8)
                return start + (0..<Int.random(in: 1...20, using: &random)).map { _ in pool.randomElement(using: &random) ?? 0 }
            }
            let name = try DomainName(labels: labels)
            #expect(try DomainName(text: name.text) == name, "\(labels)")
        }
    }
}
