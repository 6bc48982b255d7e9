/// A part of a text that is hidden.
struct HiddenRange: Equatable {
    let range: Range<Int>
    /// The part is JSON that is no string: what stands for it needs quotes.
    var takesQuotes = false
}

extension [UInt8] {
    /// The text with its hidden parts, which are ascending and apart, replaced.
    func replacing(_ parts: [HiddenRange], with stand: (HiddenRange, ArraySlice<UInt8>) -> [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count + parts.count * 32)
        var end = 0
        for part in parts {
            result += self[end..<part.range.lowerBound]
            result += stand(part, self[part.range])
            end = part.range.upperBound
        }
        result += self[end...]
        return result
    }
}
