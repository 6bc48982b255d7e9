import Schema

extension Headers {
    /// What an addon may add to lines that are read, before they are copied: they become the section of a message.
    private static let room = 64

    /// The lines that came as pairs of texts, if they are fit for the wire or need not be.
    static func read(_ pairs: JSONPairs, at path: @autoclosure () -> String, isForWire: Bool) throws(StateRefusal) -> Headers {
        var lines: [Line] = []
        lines.reserveCapacity(pairs.count + 2)
        var names = NameSet()
        var refusal: StateRefusal?
        // Of the four a colon and a space stand in each line, and CRLF behind it.
        let length = pairs.roomyLength
        guard length <= UInt32.max else { throw StateRefusal(.tooLarge, at: path(), "more than 4 GiB of fields") }
        var block = [UInt8](repeating: 0, count: length + room)
        var end = 0
        block.withUnsafeMutableBytes { block in
            do throws(StateRefusal) {
                for index in 0..<pairs.count {
                    try pairs.withPair(at: index) { (name, value) throws(StateRefusal) in
                        if isForWire, !isName(name) || !isValue(value) {
                            try checkFitness(name, value, at: "\(path())[\(index)]")
                        }
                        let nameEnd = end + name.count
                        let valueEnd = nameEnd + 2 + value.count
                        UnsafeMutableRawBufferPointer(rebasing: block[end...]).copyMemory(from: name)
                        (block[nameEnd], block[nameEnd + 1]) = (UInt8(ascii: ":"), UInt8(ascii: " "))
                        UnsafeMutableRawBufferPointer(rebasing: block[(nameEnd + 2)...]).copyMemory(from: value)
                        (block[valueEnd], block[valueEnd + 1]) = (0x0D, 0x0A)
                        names.insert(NameSet(name))
                        lines.append(Line(nameStart: end, nameEnd: nameEnd, valueStart: nameEnd + 2, valueEnd: valueEnd))
                        end = valueEnd + 2
                    }
                }
            } catch {
                refusal = error
            }
        }
        if let refusal { throw refusal }
        block.removeLast(block.count - end)
        return Headers(block: block, lines: lines, names: names)
    }
}
