import FlowModel
import Testing

@Suite("Identifiers")
struct IdentifierTests {
    @Test(
        "the identifier of octets is the same for ever",
        arguments: [
            ("abc", 5, "d8f230c5-a5cb-8640-94bd-adfdcabc4827"),
            ("", 0, "0f963979-30ef-8d91-a108-88c972fca739"),
            ("a longer text", -1, "f9e36974-7edc-803a-a806-b49be3ff7a12"),
        ])
    func hashed(text: String, number: Int, identifier: String) {
        #expect(Identifier.hashed(Array(text.utf8), number) == identifier)
    }

    @Test("a random one is a UUID of version 4, and no other's")
    func random() {
        let hexadecimal = Set("0123456789abcdef")
        var seen: Set<String> = []
        for _ in 0..<1000 {
            let text = Identifier.uuid4()
            let groups = text.split(separator: "-")
            #expect(groups.map(\.count) == [8, 4, 4, 4, 12])
            #expect(groups.joined().allSatisfy(hexadecimal.contains))
            #expect(groups[2].first == "4" && "89ab".contains(groups[3].first ?? "-"))
            #expect(seen.insert(text).inserted)
        }
    }

    @Test("the words of an identifier are those it was made of, one for each text")
    func words() throws {
        let one = try #require(Identifier.words(of: "d8f230c5-a5cb-8640-94bd-adfdcabc4827"))
        #expect(one == (0xD8F2_30C5_A5CB_8640, 0x94BD_ADFD_CABC_4827))
        for _ in 0..<1000 {
            let text = Identifier.uuid4()
            let words = try #require(Identifier.words(of: text))
            let digits = text.replacing("-", with: "")
            #expect(words == (UInt64(digits.prefix(16), radix: 16) ?? 0, UInt64(digits.suffix(16), radix: 16) ?? 0))
        }
    }

    @Test("a text that is no UUID in small letters has no words")
    func noWords() {
        let identifier = "d8f230c5-a5cb-8640-94bd-adfdcabc4827"
        var others = ["", "f1", identifier.uppercased(), identifier + "0", String(identifier.dropLast())]
        others += ["{\(identifier.dropLast(2))}", identifier.replacing("-", with: "0"), identifier.replacing("8", with: "é")]
        // Each octet that is no digit, in each place.
        for place in 0..<36 {
            for other in UInt8(0)...127 where !(0x30...0x39).contains(other) && !(0x61...0x66).contains(other) {
                var octets = Array(identifier.utf8)
                guard octets[place] != other else { continue }
                octets[place] = other
                others.append(String(decoding: octets, as: UTF8.self))
            }
        }
        #expect(others.count > 3900)
        for other in others { #expect(Identifier.words(of: other) == nil, "\(other)") }
    }
}
