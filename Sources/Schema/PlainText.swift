extension UnsafeRawBufferPointer {
    /// The first position at or behind `start` of anything but printable ASCII without `"` and `\`; `count` if there is none.
    ///
    /// Looks at eight bytes at once, and at thirty-two of what is long, since nearly all of what passes through is such text.
    @inline(__always)
    func endOfPlainText(from start: Int) -> Int {
        var index = start
        // Most ends are near, also where much follows them.
        var bound = Swift.min(start + 40, count)
        while true {
            while index + 8 <= bound {
                let odd = Self.oddBytes(UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self)))
                if odd != 0 { return index + odd.trailingZeroBitCount &>> 3 }
                index += 8
            }
            if bound == count { break }
            index = endOfLongPlainText(from: index)
            bound = count
        }
        guard index < count else { return index }
        if count >= 8 {
            // The last eight bytes, without those that were seen; the zeros that come in for them end it.
            let last = UInt64(littleEndian: loadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
            let odd = Self.oddBytes(last &>> UInt64(8 * (index + 8 - count)))
            return index + odd.trailingZeroBitCount &>> 3
        }
        while index < count, self[index].isPlainText { index += 1 }
        return index
    }

    /// A position before that end, and near it.
    private func endOfLongPlainText(from start: Int) -> Int {
        let ones = SIMD4<UInt64>(repeating: 0x0101_0101_0101_0101)
        let (quotes, backslashes, deletes, spaces) = (ones &* 0x22, ones &* 0x5C, ones &* 0x7F, ones &* 0x20)
        var index = start
        while index + 32 <= count {
            // As `oddBytes`.
            let words = loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
            let (quote, backslash, delete) = (words ^ quotes, words ^ backslashes, words ^ deletes)
            let odd =
                ((words &- spaces) & ~words) | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
                | ((delete &- ones) & ~delete) | words
            guard ((odd[0] | odd[1]) | (odd[2] | odd[3])) & 0x8080_8080_8080_8080 == 0 else { break }
            index += 32
        }
        return index
    }

    /// The top bit of each byte that is below 0x20, above 0x7E, `"` or `\`; above the lowest of them others may be set too.
    @inline(__always)
    static func oddBytes(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let delete = word ^ (ones &* 0x7F)
        let odd =
            (word &- ones &* 0x20) & ~word | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash
            | (delete &- ones) & ~delete | word
        return odd & (ones &* 0x80)
    }

    /// The first position at or behind `start` from which the rest may be anything but ASCII; never past it, and near it.
    @inline(__always)
    func endOfASCII(from start: Int) -> Int {
        let tops = SIMD4<UInt64>(repeating: 0x8080_8080_8080_8080)
        var index = start
        while index + 32 <= count {
            let words = loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self) & tops
            if (words[0] | words[1]) | (words[2] | words[3]) != 0 { break }
            index += 32
        }
        while index + 8 <= count, loadUnaligned(fromByteOffset: index, as: UInt64.self) & tops[0] == 0 { index += 8 }
        return index
    }
}

extension UInt8 {
    /// Printable ASCII that stands for itself in a JSON string.
    @inline(__always)
    var isPlainText: Bool { self >= 0x20 && self < 0x7F && self != 0x22 && self != 0x5C }
}
