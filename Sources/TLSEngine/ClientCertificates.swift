import Glibc
import Synchronization

/// Certificates we show to servers that ask for one. Shared by all loops.
final class ClientCertificates: Sendable {
    private enum Source {
        case file(Leaf)
        case folder(String)
    }

    private let source: Source
    /// Files of the folder that were looked for; nil inside means that it was not there.
    private let found = Mutex(RecentlyUsed<String, Leaf?>(capacity: 256))

    /// Reads the file at once; files of a folder are read when first needed.
    init(path: String) throws(TLSFailure) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw TLSFailure(.configuration, reason: "cannot open client certificates \(path): \(String(cString: strerror(errno)))")
        }
        source = try status.st_mode & S_IFMT == S_IFDIR ? .folder(path) : .file(Leaf.load(path: path))
    }

    /// The certificate for a server; nil if there is none. Reads a small file the first time it is asked for a name.
    func certificate(for host: String) throws(TLSFailure) -> Leaf? {
        switch source {
        case .file(let leaf): return leaf
        case .folder(let folder):
            guard HostName.isPlausible(host) else { return nil }
            if let known = found.withLock({ $0[host] }) { return known }
            let path = "\(folder)/\(host).pem"
            let leaf = try FileContents.exists(path) ? Leaf.load(path: path) : nil
            found.withLock { $0[host] = .some(leaf) }
            return leaf
        }
    }
}
