import CPCRE2

/// A compiled regular expression over bytes: PCRE2 without UTF mode, so `.` is one byte and classes and case are ASCII, as in
/// Python's `re` over `bytes`.
///
/// Both sides are hostile: patterns come from addons, subjects from the network. The length of a pattern, the work of a search
/// and its memory are bounded; a search that exceeds a bound counts as no match. `(*UTF)` and `(*UCP)` are refused.
public final class RegularExpression: Sendable {
    /// How the pattern is read.
    public struct Options: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// ASCII letters match in both cases.
        public static let caseless = Options(rawValue: 1)
        /// `^` and `$` match at every line, which LF, CR or CRLF may end.
        public static let multiline = Options(rawValue: 2)
        /// `.` matches line breaks too.
        public static let dotAll = Options(rawValue: 4)
    }

    /// The longest pattern that is compiled, in bytes.
    public static let maximumPatternSize = 4096

    /// Steps that every search may take. A step is one item of the pattern tried, or one byte moved between two such tries;
    /// two million of them take about 30 ms.
    public static let baseSteps = 2_000_000

    /// Steps that a search may take in addition for each byte searched, so that a long body is searched to its end while work
    /// that grows with the square of its length is cut off.
    public static let stepsPerByte = 8

    /// The most memory that one search may take for backtracking, in KiB.
    public static let maximumHeapKiB: UInt32 = 16 * 1024

    /// How deep a search may nest, in backtracking points.
    public static let maximumDepth: UInt32 = 250_000

    // PCRE2 documents compiled code as read-only during a match and as shareable between threads.
    private nonisolated(unsafe) let code: OpaquePointer

    // True at each byte of the pattern where a back reference starts; empty when there is none.
    private let references: [Bool]

    /// The pattern's source.
    public let pattern: String

    /// Compiles `pattern`; the error's offset counts characters of the pattern.
    public convenience init(_ pattern: String, options: Options = [.caseless]) throws(FilterError) {
        try self.init(octets: Array(pattern.utf8), options: options)
    }

    /// As above, for a pattern that need not be UTF-8.
    public init(octets: [UInt8], options: Options) throws(FilterError) {
        let pattern = String(decoding: octets, as: UTF8.self)
        self.pattern = pattern
        let size = octets.count
        guard size <= Self.maximumPatternSize else {
            throw FilterError("the regular expression is longer than \(Self.maximumPatternSize) bytes", offset: 0, in: pattern)
        }
        var errorCode: Int32 = 0
        var errorByte = 0
        let context = pcre2_compile_context_create_8(nil)
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_newline_8(context, UInt32(options.contains(.multiline) ? PCRE2_NEWLINE_ANYCRLF : PCRE2_NEWLINE_LF))
        let compiled = octets.withUnsafeBufferPointer { bytes in
            // PCRE2 refuses a null pattern before version 10.43, even an empty one.
            withUnsafePointer(to: UInt8(0)) { empty in
                pcre2_compile_8(bytes.baseAddress ?? empty, size, options.flags, &errorCode, &errorByte, context)
            }
        }
        guard let compiled else {
            let offset = String(decoding: octets.prefix(errorByte), as: UTF8.self).count
            throw FilterError("bad regular expression: \(Self.text(of: errorCode))", offset: offset, in: pattern)
        }
        code = compiled
        var highest: UInt32 = 0
        pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_BACKREFMAX), &highest)
        references = highest > 0 ? Self.references(in: octets) : []
    }

    deinit {
        pcre2_code_free_8(code)
    }

    /// How many groups capture, the whole match not counted.
    public var groupCount: Int {
        var count: UInt32 = 0
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
        return Int(count)
    }

    /// The number of the group that the pattern gives this name.
    public func group(named name: String) -> Int? {
        let number = pcre2_substring_number_from_name_8(code, name)
        return number > 0 ? Int(number) : nil
    }

    /// Whether the pattern matches anywhere in `bytes`; a search that exceeds a bound does not match. Any thread may call it.
    public func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // One pair is enough: nobody asks where it matched, and "matched, but the groups did not fit" is a match as well.
        search(bytes, pairs: 1) { _ in false } ?? false
    }

    /// Hands out the matches from left to right, without overlaps, until `take` answers false: the range of the whole match, then
    /// those of the groups, nil for a group that took no part.
    ///
    /// An empty match may follow a match directly, as in Python's `re.sub`. False if a bound was exceeded before the end.
    public func eachMatch(in bytes: UnsafeRawBufferPointer, _ take: ([Range<Int>?]) -> Bool) -> Bool {
        let count = groupCount + 1
        let found = search(bytes, pairs: UInt32(count)) { match in
            guard let ends = pcre2_get_ovector_pointer_8(match) else { return false }
            return take((0..<count).map { ends[2 * $0] == ~0 ? nil : ends[2 * $0]..<max(ends[2 * $0], ends[2 * $0 + 1]) })
        }
        return found != nil
    }

    /// Searches on behind each match while `goesOn` says so; the bounds are for all searches together.
    ///
    /// The result is whether there was a match, or nil if a bound was exceeded.
    private func search(
        _ bytes: UnsafeRawBufferPointer, pairs: UInt32, _ goesOn: (_ match: OpaquePointer) -> Bool
    ) -> Bool? {
        guard let context = pcre2_match_context_create_8(nil) else { return nil }
        defer { pcre2_match_context_free_8(context) }
        guard let match = pcre2_match_data_create_8(pairs, nil) else { return nil }
        defer { pcre2_match_data_free_8(match) }

        let allowed = Self.baseSteps + Self.stepsPerByte * bytes.count
        pcre2_set_match_limit_8(context, UInt32(clamping: allowed))
        pcre2_set_depth_limit_8(context, Self.maximumDepth)
        pcre2_set_heap_limit_8(context, Self.maximumHeapKiB)
        // PCRE2 counts its own limit anew from every starting position, which leaves a long subject quadratic time. The callouts
        // compiled in between the pattern's items count the whole search.
        var work = Work(left: allowed, references: references)
        return withUnsafeMutablePointer(to: &work) { work in
            pcre2_set_callout_8(
                context,
                { block, work in
                    guard let block, let work else { return PCRE2_ERROR_INTERNAL }
                    return work.assumingMemoryBound(to: Work.self).pointee.tried(block.pointee)
                }, work)
            let empty: StaticString = ""
            let subject = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty.utf8Start
            var start = 0
            var options: UInt32 = 0
            var wasFound = false
            while start <= bytes.count {
                let result = pcre2_match_8(code, subject, bytes.count, start, options, match, context)
                if result == PCRE2_ERROR_NOMATCH { break }
                guard result >= 0 else { return nil }
                wasFound = true
                guard goesOn(match), let ends = pcre2_get_ovector_pointer_8(match), ends[1] >= start else { break }
                options = ends[0] == ends[1] ? PCRE2_NOTEMPTY_ATSTART : 0
                start = ends[1]
            }
            return wasFound
        }
    }

    /// Whether the pattern matches anywhere in `bytes`.
    public func matches(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { matches($0) }
    }

    /// Whether the pattern matches anywhere in the UTF-8 form of `text`.
    public func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    private static func text(of code: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(code, &buffer, buffer.count)
        return length < 0 ? "error \(code)" : String(decoding: buffer.prefix(Int(length)), as: UTF8.self)
    }

    private static func references(in pattern: [UInt8]) -> [Bool] {
        pattern.indices.map { index in
            let rest = pattern[index...].prefix(4)
            if rest.elementsEqual("(?P=".utf8) { return true }
            guard rest.first == UInt8(ascii: "\\"), let next = rest.dropFirst().first else { return false }
            return (0x30...0x39).contains(next) || next == UInt8(ascii: "k") || next == UInt8(ascii: "g")
        }
    }

    /// The steps that one search has left.
    private struct Work {
        var left: Int
        let references: [Bool]
        var position = 0

        mutating func tried(_ block: borrowing pcre2_callout_block_8) -> Int32 {
            left -= 1 + abs(block.current_position - position)
            position = block.current_position
            if block.pattern_position < references.count, references[block.pattern_position], let ends = block.offset_vector {
                // Comparing with what a group captured moves nothing until it succeeds, but takes as long as the capture is.
                for group in 1..<max(1, Int(block.capture_top)) where ends[2 * group + 1] != ~0 {
                    left -= max(0, Int(ends[2 * group + 1]) - Int(ends[2 * group]))
                }
            }
            return left > 0 ? 0 : PCRE2_ERROR_MATCHLIMIT
        }
    }
}

extension RegularExpression.Options {
    fileprivate var flags: UInt32 {
        var flags = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_AUTO_CALLOUT
        if contains(.caseless) { flags |= PCRE2_CASELESS }
        if contains(.multiline) { flags |= PCRE2_MULTILINE }
        if contains(.dotAll) { flags |= PCRE2_DOTALL }
        return flags
    }
}
