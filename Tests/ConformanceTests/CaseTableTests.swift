import Schema
import Testing

@testable import Conformance

@Suite struct CaseTableTests {
    @Test("each case has a name of its own, and says what it tries")
    func names() {
        #expect(Set(Case.table.map(\.name)).count == Case.table.count)
        for entry in Case.table { #expect(entry.doc.count > 20 && entry.doc.hasSuffix(".")) }
    }
}
