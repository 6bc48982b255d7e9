import COpenSSL

/// An X.509 certificate. Never changed after it was made, hence shared freely between event loops.
public final class Certificate: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    /// Adds a reference of its own.
    convenience init(sharing pointer: OpaquePointer) {
        X509_up_ref(pointer)
        self.init(owning: pointer)
    }

    deinit { X509_free(pointer) }

    /// Reads one certificate in DER.
    public convenience init(der: [UInt8]) throws(TLSFailure) {
        let pointer = MemoryBIO.read(der) { d2i_X509_bio($0, nil) }
        guard let pointer else { throw .configuration("not a certificate in DER") }
        self.init(owning: pointer)
    }

    /// Reads the first certificate of a PEM text.
    public convenience init(pem: String) throws(TLSFailure) {
        let pointer = MemoryBIO.read(Array(pem.utf8)) { PEM_read_bio_X509($0, nil, nil, nil) }
        guard let pointer else { throw .configuration("no certificate in PEM") }
        self.init(owning: pointer)
    }

    /// With the BEGIN and END lines and a newline at the end.
    public var pem: String {
        let text = MemoryBIO.collect { PEM_write_bio_X509($0, pointer) == 1 }
        return String(decoding: text ?? [], as: UTF8.self)
    }

    public var der: [UInt8] { MemoryBIO.collect { i2d_X509_bio($0, pointer) == 1 } ?? [] }

    /// The first CN of the subject.
    public var commonName: String? { subjectEntry(NID_commonName) }

    /// The first O of the subject.
    public var organization: String? { subjectEntry(NID_organizationName) }

    /// The names the certificate is for.
    public struct AlternativeNames: Sendable, Hashable {
        public var dns: [String] = []
        /// As literals, "192.0.2.1" or "2001:db8::1".
        public var ip: [String] = []
    }

    /// Names of other kinds (mail, URI) are left out.
    public var subjectAlternativeNames: AlternativeNames {
        var result = AlternativeNames()
        ErrorQueue.clear()
        guard let names = shim_GENERAL_NAMES_of(pointer) else { return result }
        defer { GENERAL_NAMES_free(names) }
        for index in 0..<shim_GENERAL_NAMES_num(names) {
            var kind: Int32 = 0
            guard let value = GENERAL_NAME_get0_value(shim_GENERAL_NAMES_value(names, index), &kind),
                kind == GEN_DNS || kind == GEN_IPADD
            else { continue }
            let string = value.assumingMemoryBound(to: ASN1_STRING.self)
            let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string)))
            if kind == GEN_DNS {
                result.dns.append(String(decoding: bytes, as: UTF8.self))
            } else if let text = HostName.addressText(Array(bytes)) {
                result.ip.append(text)
            }
        }
        return result
    }

    /// Seconds since 1970; nil if the certificate holds no valid time.
    public var notAfter: Int? {
        guard let epoch = ASN1_TIME_set(nil, 0) else { return nil }
        defer { ASN1_TIME_free(epoch) }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(pointer)) == 1 else { return nil }
        return Int(days) * 86_400 + Int(seconds)
    }

    var hasSubjectKeyID: Bool { X509_get0_subject_key_id(pointer) != nil }

    var isSelfIssued: Bool { X509_NAME_cmp(X509_get_subject_name(pointer), X509_get_issuer_name(pointer)) == 0 }

    /// Whether it may sign others, by its basic constraints and key usage.
    var isAuthority: Bool { X509_check_ca(pointer) > 0 }

    private func subjectEntry(_ nid: Int32) -> String? {
        let name = X509_get_subject_name(pointer)
        let index = X509_NAME_get_index_by_NID(name, nid, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(name, index) else { return nil }
        var text: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))
        guard count >= 0, let text else { return nil }
        defer { shim_OPENSSL_free(text) }
        return String(decoding: UnsafeBufferPointer(start: text, count: Int(count)), as: UTF8.self)
    }
}

/// Equal if the encodings are.
extension Certificate: Hashable {
    public static func == (left: Certificate, right: Certificate) -> Bool { X509_cmp(left.pointer, right.pointer) == 0 }

    public func hash(into hasher: inout Hasher) { hasher.combine(X509_subject_name_hash(pointer)) }
}
