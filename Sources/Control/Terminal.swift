import Glibc

/// Unbuffered writing to the standard streams.
public enum Terminal {
    /// Writes all of the text, or as much as the reader of the stream takes before it goes away.
    public static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
        var text = text
        text.withUTF8 { _ = write(UnsafeRawBufferPointer($0), to: descriptor) }
    }

    /// Writes all of the bytes; false, with `errno`, if the stream took only some of them.
    @discardableResult
    public static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) -> Bool {
        bytes.withUnsafeBytes { write($0, to: descriptor) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        var rest = bytes
        while rest.count > 0 {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            guard written > 0 || errno == EINTR else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[max(written, 0)...])
        }
        return true
    }
}
