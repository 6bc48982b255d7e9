import Testing

@testable import AddonWire

struct OpenNumbersTests {
    @Test("what is open is found, whatever was put in and taken out before", arguments: 0..<8)
    func sameAsDictionary(seed: UInt64) {
        var random = LinearCongruence(state: seed), next = 0
        var numbers = OpenNumbers<Int>(), dictionary: [Int: Int] = [:]
        for _ in 0..<4000 {
            let known = dictionary.keys.sorted().randomElement(using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                next += Int.random(in: 1...20, using: &random)
                (numbers[next], dictionary[next]) = (next * 7, next * 7)
            case 2:
                guard let known else { continue }
                (numbers[known], dictionary[known]) = (-known, -known)
            default:
                let number = known ?? -3
                #expect(numbers.remove(number) == dictionary.removeValue(forKey: number))
            }
            #expect(numbers.count == dictionary.count)
            if let known { #expect(numbers[known] == dictionary[known]) }
            #expect(numbers[next + 16] == nil)
        }
        #expect(numbers.numbers == dictionary.keys.sorted())
        #expect(numbers.values.sorted() == dictionary.values.sorted())
    }

    @Test("thousands may be open at a time")
    func many() {
        var numbers = OpenNumbers<String>()
        for number in 1...5000 { numbers[number] = "\(number)" }
        for number in stride(from: 1, through: 5000, by: 2) { #expect(numbers.remove(number) == "\(number)") }
        #expect(numbers.count == 2500 && numbers[4] == "4" && numbers[5] == nil && numbers.remove(5) == nil)
    }
}

/// As in the tests of JSON: equal for equal seeds.
private struct LinearCongruence: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
