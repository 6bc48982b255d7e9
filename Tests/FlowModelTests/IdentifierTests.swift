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
}
