/// The field lines of one message section, in wire order, with duplicates, case and octets outside UTF-8 kept.
///
/// All lines lie in one block of octets with an array of positions beside it, so a parsed head costs two allocations however
/// many lines it has. Inside the block a line is `name ":" OWS value`, as it came or as it would be sent; what lies between
/// lines is never read. Names match without regard to ASCII case. There is no index: a lookup asks `names` whether it need look, and
/// walks the lines then.
public struct Headers: Sendable {
    /// Where one line stands in the block: `nameStart..<nameEnd`, a colon, optional whitespace, `valueStart..<valueEnd`.
    public struct Line: Sendable {
        public var nameStart: UInt32
        public var nameEnd: UInt32
        public var valueStart: UInt32
        public var valueEnd: UInt32

        /// Positions in the block; the caller answers for the colon and whitespace between name and value.
        public init(nameStart: Int, nameEnd: Int, valueStart: Int, valueEnd: Int) {
            self.nameStart = UInt32(nameStart)
            self.nameEnd = UInt32(nameEnd)
            self.valueStart = UInt32(valueStart)
            self.valueEnd = UInt32(valueEnd)
        }

        var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }

        fileprivate func isNamed(_ name: UnsafeRawBufferPointer, in block: UnsafeRawBufferPointer) -> Bool {
            Int(nameEnd &- nameStart) == name.count && UnsafeRawBufferPointer(rebasing: block[self.name]).equalsIgnoringCase(name)
        }
    }

    private(set) var block: [UInt8]
    private(set) var lines: [Line]
    /// The names of the lines, and of some that are gone.
    private(set) var names: NameSet

    /// No lines.
    public init() {
        block = []
        lines = []
        names = NameSet()
    }

    /// The lines of a parsed section: `block` must hold CRLF behind each line, `lines` must be in the order of the block, and `names` must
    /// have the name of each.
    public init(block: [UInt8], lines: [Line], names: NameSet) {
        self.block = block
        self.lines = lines
        self.names = names
    }

    /// Lines from text, in order, duplicates kept.
    public init(_ pairs: [(String, String)]) {
        self.init()
        for (name, value) in pairs { append(name: ByteString(name), value: ByteString(value)) }
    }

    /// How many lines there are.
    public var count: Int { lines.count }

    /// True when there is not one line.
    public var isEmpty: Bool { lines.isEmpty }

    /// The name of the line at an index below `count`, in its own case.
    public func name(at index: Int) -> ByteString {
        ByteString(block[lines[index].name])
    }

    /// The value of the line at an index below `count`, without the whitespace around it.
    public func value(at index: Int) -> ByteString {
        ByteString(block[lines[index].value])
    }

    /// Lends name and value of one line without a copy; the buffers are valid inside the closure only.
    public func withLine<R>(
        at index: Int, _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> R
    ) rethrows -> R {
        let line = lines[index]
        return try block.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[line.name]), UnsafeRawBufferPointer(rebasing: $0[line.value]))
        }
    }

    /// Lends the section as it is sent, in runs of whole lines with CRLF between them and none behind the last of a run.
    ///
    /// Lines that stand untouched behind each other form one run, so an unchanged head is a single run, spacing included.
    public func withWireRuns(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try block.withUnsafeBytes { octets in
            var index = 0
            while index < lines.count {
                let start = Int(lines[index].nameStart)
                // A gap of two octets is exactly the CRLF that ends every line; any other gap is dead space.
                while index + 1 < lines.count, lines[index + 1].nameStart == lines[index].valueEnd + 2 { index += 1 }
                try body(UnsafeRawBufferPointer(rebasing: octets[start..<Int(lines[index].valueEnd)]))
                index += 1
            }
        }
    }

    /// How many octets the section has as it is sent, with CRLF behind each line.
    public var wireLength: Int {
        lines.withUnsafeBufferPointer { $0.reduce(0) { $0 + Int($1.valueEnd &- $1.nameStart) + 2 } }
    }

    /// Makes room for what will be appended.
    public mutating func reserve(lines count: Int, bytes: Int) {
        lines.reserveCapacity(lines.count + count)
        block.reserveCapacity(block.count + bytes)
    }

    /// Adds a line at the end. The caller answers for name and value being fit for the wire: see `isName` and `isValue`.
    public mutating func append(name: ByteString, value: ByteString) {
        lines.append(write(name: name.bytes, value: value.bytes))
    }

    /// Adds a line at the end from lent octets.
    public mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        lines.append(write(name: name, value: value))
    }

    /// False when surely no line has one of those names.
    public func mayContain(_ names: NameSet) -> Bool { !self.names.isDisjoint(with: names) }

    /// Replaces the value of the line at an index below `count`; its name and place stay.
    public mutating func replaceValue(at index: Int, with value: ByteString) {
        let isThere = withLine(at: index) { _, old in value.bytes.withUnsafeBytes { old.isExactly($0) } }
        guard !isThere else { return }
        if value.bytes.count <= lines[index].value.count {
            let start = Int(lines[index].valueStart)
            block.withUnsafeMutableBytes { block in
                value.bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: block[start...]).copyMemory(from: $0) }
            }
            lines[index].valueEnd = UInt32(start + value.bytes.count)
        } else {
            lines[index] = write(name: Array(block[lines[index].name]), value: value.bytes)
            compactIfMostlyDead()
        }
    }

    /// Removes all lines for which the closure answers true; the buffers are valid inside the closure only.
    public mutating func removeAll(where condemned: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool) {
        block.withUnsafeBytes { octets in
            lines.removeAll {
                condemned(UnsafeRawBufferPointer(rebasing: octets[$0.name]), UnsafeRawBufferPointer(rebasing: octets[$0.value]))
            }
        }
    }

    /// True when the octets may stand as a field name: a token of at least one character.
    public static func isName(_ name: ByteString) -> Bool { name.bytes.withUnsafeBytes { isName($0) } }

    public static func isName(_ name: UnsafeRawBufferPointer) -> Bool {
        !name.isEmpty && name.endOfToken(0..<name.count) == name.count
    }

    /// True when the octets may stand as a field value: no control character but HTAB, no whitespace at either end.
    public static func isValue(_ value: ByteString) -> Bool { value.bytes.withUnsafeBytes { isValue($0) } }

    public static func isValue(_ value: UnsafeRawBufferPointer) -> Bool {
        guard let first = value.first, let last = value.last else { return true }
        return !first.isOptionalWhitespace && !last.isOptionalWhitespace && value.isFieldValue(0..<value.count)
    }

    /// The index of the first line of that name at or behind `start`. Who asks has looked into `names`.
    func position(of name: UnsafeRawBufferPointer, from start: Int) -> Int? {
        block.withUnsafeBytes { octets in
            lines.withUnsafeBufferPointer { lines in
                var index = start
                while index < lines.count {
                    if lines[index].isNamed(name, in: octets) { return index }
                    index += 1
                }
                return nil
            }
        }
    }

    /// Removes all lines of that name from the index on, where the first of them stands.
    mutating func remove(_ name: UnsafeRawBufferPointer, from first: Int) {
        let kept = block.withUnsafeBytes { octets in
            lines.withUnsafeMutableBufferPointer { lines in
                var kept = first
                for index in (first + 1)..<lines.count where !lines[index].isNamed(name, in: octets) {
                    lines[kept] = lines[index]
                    kept += 1
                }
                return kept
            }
        }
        lines.removeSubrange(kept...)
    }

    private mutating func write(name: some Collection<UInt8>, value: some Collection<UInt8>) -> Line {
        let nameStart = block.count
        let nameEnd = nameStart + name.count
        block.append(contentsOf: name)
        block.append(UInt8(ascii: ":"))
        block.append(UInt8(ascii: " "))
        block.append(contentsOf: value)
        block.append(0x0D)
        block.append(0x0A)
        block.withUnsafeBytes { names.insert(NameSet(UnsafeRawBufferPointer(rebasing: $0[nameStart..<nameEnd]))) }
        return Line(nameStart: nameStart, nameEnd: nameEnd, valueStart: nameEnd + 2, valueEnd: nameEnd + 2 + value.count)
    }

    /// Without this, a value that is replaced again and again would leave all its former selves in the block.
    private mutating func compactIfMostlyDead() {
        guard block.count > 16_384 else { return }
        guard block.count > 4 * wireLength else { return }
        var fresh = Headers()
        for (name, value) in self { fresh.append(name: name, value: value) }
        self = fresh
    }
}
