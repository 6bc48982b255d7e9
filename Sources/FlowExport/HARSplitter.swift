/// Cuts the entries out of an archive while its bytes come, without keeping any more than the entry that is being read.
///
/// States: before the root object, inside it, behind it; a failure is final. It checks brackets and strings, and leaves what is
/// inside an entry to the JSON reader. A byte order mark is skipped. Members beside `log.entries` are passed over.
struct HARSplitter {
    /// One element of `log.entries`.
    struct Entry: Equatable {
        let index: Int
        /// Where its `{` stands.
        let offset: Int
        let json: [UInt8]
    }

    /// Bytes of one entry at most.
    static let longestEntry = 256 << 20
    /// Arrays and objects within each other, at most: async stacks of browsers are deep.
    static let maximumDepth = 512

    private enum Bracket { case object, array }

    private let longestEntry: Int
    private var open: [Bracket] = []
    /// The last member's name in the root and in what it holds.
    private var names = ["", ""]
    private var hasRoot = false
    private var hasEntries = false
    private var consumed = 0
    private var count = 0
    /// The part of an entry that earlier pieces had.
    private var entry: [UInt8] = []
    private var entryOffset: Int?
    private var isInString = false
    private var isEscaped = false
    /// The octets of a string that may turn out to be a member's name near the root.
    private var name: [UInt8]?
    private var lastName = ""

    init(longestEntry: Int = Self.longestEntry) { self.longestEntry = longestEntry }

    /// The entries that this piece completes.
    mutating func feed(_ piece: [UInt8]) throws(HARFailure) -> [Entry] {
        var found: [Entry] = []
        var start = 0
        for index in piece.indices {
            let byte = piece[index]
            if isInString {
                character(byte)
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                if isAtElement { throw failure("expected an object as entry \(count)", at: index) }
                isInString = true
                name = entryOffset == nil && (1...2).contains(open.count) ? [] : nil
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if isAtElement {
                    guard byte == UInt8(ascii: "{") else { throw failure("expected an object as entry \(count)", at: index) }
                    entryOffset = consumed + index
                    start = index
                }
                try begin(byte == UInt8(ascii: "{") ? .object : .array, at: index)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard open.popLast() == (byte == UInt8(ascii: "}") ? .object : .array) else {
                    throw failure("'\(Unicode.Scalar(byte))' closes nothing", at: index)
                }
                guard let offset = entryOffset, open.count == 3 else { continue }
                try grow(piece[start...index])
                found.append(Entry(index: count, offset: offset, json: entry))
                entry = []
                entryOffset = nil
                count += 1
            case UInt8(ascii: ":"):
                if entryOffset == nil, (1...2).contains(open.count) { names[open.count - 1] = lastName }
            case 0x20, 0x09, 0x0A, 0x0D: break
            case 0xEF where consumed + index == 0, 0xBB where consumed + index == 1, 0xBF where consumed + index == 2: break
            case UInt8(ascii: ",") where !open.isEmpty: break
            default:
                if open.isEmpty { throw failure(hasRoot ? "more than one value" : "expected an object", at: index) }
                if isAtElement { throw failure("expected an object as entry \(count)", at: index) }
            }
        }
        if entryOffset != nil { try grow(piece[start...]) }
        consumed += piece.count
        return found
    }

    /// Ends the archive: fails if it was not whole.
    func finish() throws(HARFailure) {
        if let entryOffset { throw HARFailure("the archive ends inside it", entry: count, offset: entryOffset) }
        guard open.isEmpty, hasRoot, !isInString else {
            throw HARFailure(
                hasRoot ? "the archive ends before its closing brackets, behind \(count) entries" : "there is nothing in it",
                offset: consumed)
        }
        guard hasEntries else { throw HARFailure("there is no array log.entries in it") }
    }

    /// True where an element of `log.entries` begins next.
    private var isAtElement: Bool { entryOffset == nil && open.count == 3 && isInEntries }

    private var isInEntries: Bool { open == [.object, .object, .array] && names == ["log", "entries"] }

    private mutating func begin(_ bracket: Bracket, at index: Int) throws(HARFailure) {
        guard !open.isEmpty || !hasRoot && bracket == .object else {
            throw failure(hasRoot ? "more than one value" : "expected an object", at: index)
        }
        guard open.count < Self.maximumDepth else { throw failure("nesting deeper than \(Self.maximumDepth)", at: index) }
        open.append(bracket)
        hasRoot = true
        if open.count == 2, entryOffset == nil { names[1] = "" }
        if open.count == 3, isInEntries { hasEntries = true }
    }

    private mutating func character(_ byte: UInt8) {
        if !isEscaped, byte == UInt8(ascii: "\"") {
            isInString = false
            if let name { lastName = String(decoding: name, as: UTF8.self) }
            name = nil
            return
        }
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        // Only two short names matter.
        if let length = name?.count, length < 16 { name?.append(byte) }
    }

    private mutating func grow(_ bytes: ArraySlice<UInt8>) throws(HARFailure) {
        guard entry.count + bytes.count <= longestEntry else {
            throw HARFailure("it has more than \(longestEntry) bytes", entry: count, offset: entryOffset)
        }
        entry.append(contentsOf: bytes)
    }

    private func failure(_ reason: String, at index: Int) -> HARFailure { HARFailure(reason, offset: consumed + index) }
}
