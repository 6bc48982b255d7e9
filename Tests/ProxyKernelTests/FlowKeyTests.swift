import FlowModel
import Testing

@testable import ProxyKernel

@Suite("Keys of flows")
struct FlowKeyTests {
    @Test("keys are equal where ids are, and hash alike")
    func equality() {
        let ids = (0..<200).map { _ in Identifier.uuid4() } + ["", "f1", "F1", String(repeating: "x", count: 36), "é"]
        let others = ids.map { $0.uppercased() }.filter { !ids.contains($0) }
        var table: [FlowKey: String] = [:]
        for id in ids + others { table[FlowKey(id)] = id }
        #expect(table.count == Set(ids + others).count)
        for id in ids + others {
            #expect(table[FlowKey(id)] == id)
            #expect(FlowKey(id) == FlowKey(String(decoding: Array(id.utf8), as: UTF8.self)))
            #expect(Set([FlowKey(id)]).contains(FlowKey(id)))
        }
    }

    @Test("a number is no text")
    func kinds() {
        let id = Identifier.uuid4()
        guard case .number = FlowKey(id), case .text(let text) = FlowKey(id.uppercased()) else { Issue.record("\(id)"); return }
        #expect(text == id.uppercased())
    }

    @Test("ids that differ in their ends alone hash to many values")
    func spread() {
        let keys = (0..<1000).map { FlowKey("d8f230c5-a5cb-8640-94bd-" + String(0xADFD_CABC_4000 + $0, radix: 16)) }
        #expect(Set(keys).count == 1000)
        #expect(Set(keys.map { $0.hashValue & 0xFFF }).count > 600)
    }
}
