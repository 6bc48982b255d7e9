extension UnsafeRawBufferPointer {
    /// The first position at or behind `start` of anything but printable ASCII without `"` and `\`; never past it, and near it.
    ///
    /// Looks at eight bytes at once, since nearly all of what passes through is such text; the rest is for the caller.
    @inline(__always)
    func endOfPlainText(from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = start
        while index + 8 <= count {
            let word = loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let delete = word ^ (ones &* 0x7F)
            // The top bit of each byte: set where the byte is below 0x20, is zero, or is not ASCII.
            let odd =
                (word &- ones &* 0x20) & ~word | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash
                | (delete &- ones) & ~delete | word
            if odd & (ones &* 0x80) != 0 { break }
            index += 8
        }
        return index
    }

    /// The first position at or behind `start` from which the rest may be anything but ASCII; never past it, and near it.
    @inline(__always)
    func endOfASCII(from start: Int) -> Int {
        var index = start
        while index + 8 <= count, loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
            index += 8
        }
        return index
    }
}
