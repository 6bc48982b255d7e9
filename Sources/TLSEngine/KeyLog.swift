import Glibc

/// A file of session secrets in the format of `SSLKEYLOGFILE`, for looking into captured traffic.
///
/// Shared by all loops without a lock: each line is one `write` to a file in append mode.
public final class KeyLog: Sendable {
    private let descriptor: Int32

    /// Opens the file, made with mode 0600 if it is not there.
    public init(path: String) throws(TLSFailure) {
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw TLSFailure(.configuration, reason: "cannot open the key log \(path): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// Adds a line without its end; a full disk loses lines but never a connection.
    func append(_ line: UnsafePointer<CChar>) {
        var bytes = Array(UnsafeRawBufferPointer(start: line, count: strlen(line)))
        bytes.append(UInt8(ascii: "\n"))
        while Glibc.write(descriptor, bytes, bytes.count) < 0, errno == EINTR {}
    }
}
