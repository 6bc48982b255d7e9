import COpenSSL
import Glibc

/// A certificate that stands for one end of a connection, with its key and what else is sent with it.
public final class Leaf: @unchecked Sendable {
    public let certificate: Certificate
    public let key: PrivateKey
    /// Certificates sent after ``certificate``, the next issuer first; without a self-signed root.
    public let chain: [Certificate]
    /// The chain as OpenSSL takes it; nil if it is empty. Never changed after `init`.
    private let stack: OpaquePointer?

    public init(certificate: Certificate, key: PrivateKey, chain: [Certificate]) throws(TLSFailure) {
        self.certificate = certificate
        self.key = key
        self.chain = chain
        stack = chain.isEmpty ? nil : shim_sk_X509_new()
        for link in chain {
            X509_up_ref(link.pointer)
            guard shim_sk_X509_push(stack, link.pointer) > 0 else {
                X509_free(link.pointer)
                throw .configuration("cannot keep a certificate chain")
            }
        }
    }

    deinit { if let stack { shim_sk_X509_pop_free(stack) } }

    /// Reads a PEM file of a key, its certificate and any chain, in any order.
    ///
    /// The key may be PKCS#1, PKCS#8 or SEC 1. Failures name the file and what is wrong with it.
    public static func load(path: String, passphrase: String? = nil) throws(TLSFailure) -> Leaf {
        try parse(FileContents.read(path), named: path, passphrase: passphrase)
    }

    static func parse(_ bytes: [UInt8], named path: String, passphrase: String? = nil) throws(TLSFailure) -> Leaf {
        let key = MemoryBIO.read(bytes) { bio -> OpaquePointer? in
            // Without a passphrase pointer OpenSSL would ask on the terminal.
            var passphrase = Array((passphrase ?? "").utf8CString)
            return PEM_read_bio_PrivateKey(bio, nil, nil, &passphrase)
        }
        guard let key else { throw .configuration("\(path) holds no usable private key in PEM") }
        let owned = PrivateKey(owning: key)
        var certificates: [Certificate] = []
        _ = MemoryBIO.read(bytes) { bio -> Void? in
            while let pointer = PEM_read_bio_X509(bio, nil, nil, nil) { certificates.append(Certificate(owning: pointer)) }
            return nil
        }
        guard ErrorQueue.drain().isEndOfPEM else {
            throw TLSFailure(.configuration, reason: "\(path) holds a broken certificate")
        }
        guard !certificates.isEmpty else { throw TLSFailure(.configuration, reason: "\(path) holds no certificate in PEM") }
        guard let own = certificates.firstIndex(where: { X509_check_private_key($0.pointer, key) == 1 }) else {
            ErrorQueue.clear()
            throw TLSFailure(.configuration, reason: "no certificate in \(path) belongs to its private key")
        }
        let certificate = certificates.remove(at: own)
        return try Leaf(certificate: certificate, key: owned, chain: certificates)
    }

    /// Makes this what the connection shows to its peer.
    func use(on ssl: OpaquePointer) throws(TLSFailure) {
        guard SSL_use_cert_and_key(ssl, certificate.pointer, key.pointer, stack, 1) == 1 else {
            throw .configuration("cannot use the certificate of \(certificate.commonName ?? "no name")")
        }
    }
}

extension ErrorQueue {
    /// Whether reading PEM stopped for want of another block.
    fileprivate var isEndOfPEM: Bool {
        ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE
    }
}
