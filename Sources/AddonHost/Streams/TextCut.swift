import NIOCore
import Schema

/// Where a piece of a body is cut: between the characters if it is text, since a line then shows it as text.
enum TextCut {
    /// How many of the first `limit` bytes make a piece: all of them, or up to three fewer where these begin a character that is not complete.
    /// 0 if there is nothing but such a beginning.
    static func length(of bytes: ByteBuffer, atMost limit: Int) -> Int {
        let count = min(bytes.readableBytes, limit)
        return bytes.withUnsafeReadableBytes { all in
            let piece = UnsafeRawBufferPointer(rebasing: all[..<count])
            let open = unfinished(piece)
            guard open > 0, UTF8Check.isValid(UnsafeRawBufferPointer(rebasing: piece.dropLast(open))) else { return count }
            return count - open
        }
    }

    /// The bytes at the end that begin a character and do not complete it.
    private static func unfinished(_ piece: UnsafeRawBufferPointer) -> Int {
        for back in 1...3 where back <= piece.count {
            let byte = piece[piece.count - back]
            // A byte that continues a character: its beginning stands before.
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > back ? back : 0
        }
        return 0
    }
}
