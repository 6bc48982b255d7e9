import Schema
import Testing

@testable import Conformance

@Suite struct ComparisonTests {
    private func differences(_ recorded: JSON, _ found: JSON, isLoose: Bool = false) -> [String] {
        Comparison(isLoose: isLoose).differences(recorded, found).map { "\($0.path): \($0.expected) / \($0.found)" }
    }

    @Test("members that were not recorded may be there")
    func more() { #expect(differences(["a": 1], ["a": 1, "b": 2]) == []) }

    @Test("what was recorded has to be there, and is named by its path")
    func less() {
        #expect(differences(["flow": ["a": [1, 2]]], ["flow": ["a": [1, 3]]]) == ["flow.a[1]: 2 / 3"])
        #expect(differences(["flow": ["a": [1]]], ["flow": [:]]) == ["flow.a: [1] / nothing"])
        #expect(differences(["a": [1]], ["a": [1, 2]]) == ["a: [1] / [1,2]"])
    }

    @Test("a number is the same with a fraction of nothing")
    func numbers() { #expect(differences(["a": 1], ["a": .double(1)]) == []) }

    @Test("loosely, ids and times may differ")
    func loose() {
        let (one, other): (JSON, JSON) = (["id": "x", "timestamp_start": 1, "a": 1], ["id": "y", "timestamp_start": 2, "a": 1])
        #expect(differences(one, other, isLoose: true) == [])
        #expect(differences(one, other).count == 2)
    }
}
