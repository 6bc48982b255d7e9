import COpenSSL

/// A private key. Never changed after it was made, hence shared freely between event loops.
public final class PrivateKey: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// A new P-256 key, in about 60 µs.
    public static func makeP256() throws(TLSFailure) -> PrivateKey {
        ErrorQueue.clear()
        guard let key = shim_EVP_EC_gen("P-256") else { throw .configuration("cannot make a P-256 key") }
        return PrivateKey(owning: key)
    }

    /// Unencrypted PKCS#8.
    func pem() throws(TLSFailure) -> String {
        let text = MemoryBIO.collect { PEM_write_bio_PrivateKey($0, pointer, nil, nil, 0, nil, nil) == 1 }
        guard let text else { throw .configuration("cannot write a private key") }
        return String(decoding: text, as: UTF8.self)
    }
}

/// OpenSSL's reader and writer for files that are in memory.
enum MemoryBIO {
    /// Runs `body` over the bytes, which are not copied.
    static func read<Result>(_ bytes: [UInt8], _ body: (OpaquePointer) -> Result?) -> Result? {
        ErrorQueue.clear()
        return bytes.withUnsafeBytes { bytes in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            return body(bio)
        }
    }

    /// What `body` writes; nil if it answers false.
    static func collect(_ body: (OpaquePointer) -> Bool) -> [UInt8]? {
        ErrorQueue.clear()
        guard let bio = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(bio) }
        guard body(bio) else { return nil }
        var data: UnsafeMutablePointer<CChar>?
        let count = shim_BIO_get_mem_data(bio, &data)
        return Array(UnsafeRawBufferPointer(start: data, count: count))
    }
}
