import Glibc

/// Unbuffered writing to the standard streams.
package enum Terminal {
    /// Writes all of the text, or as much as the reader of the stream takes before it goes away.
    package static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while rest.count > 0 {
                let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard written > 0 || errno == EINTR else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[max(written, 0)...])
            }
        }
    }
}
