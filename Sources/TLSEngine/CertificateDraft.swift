import COpenSSL

/// A certificate to be signed: version 3, SHA-256, random serial number, valid from two days ago against slow clocks.
struct CertificateDraft {
    /// Left out of the subject if nil.
    var commonName: String?
    var organization: String?
    /// Days from now until it expires.
    var validDays: Int32
    /// NID and value in OpenSSL's configuration syntax; never made from bytes of the network.
    var extensions: [(nid: Int32, value: String)]
    /// Host names and IP literals; no such extension if empty.
    var alternativeNames: [String] = []

    /// Signs for `subjectKey`; self-signed if there is no issuer.
    func signed(
        subjectKey: PrivateKey, issuer: Certificate? = nil, issuerKey: PrivateKey
    ) throws(TLSFailure) -> Certificate {
        ErrorQueue.clear()
        guard let pointer = X509_new() else { throw .configuration("cannot make a certificate") }
        let certificate = Certificate(owning: pointer)
        guard X509_set_version(pointer, 2) == 1, setSerial(pointer),
            X509_time_adj_ex(X509_getm_notBefore(pointer), -2, 0, nil) != nil,
            X509_time_adj_ex(X509_getm_notAfter(pointer), validDays, 0, nil) != nil,
            X509_set_pubkey(pointer, subjectKey.pointer) == 1,
            setSubject(X509_get_subject_name(pointer)),
            X509_set_issuer_name(pointer, X509_get_subject_name(issuer?.pointer ?? pointer)) == 1,
            addExtensions(to: pointer, issuer: issuer?.pointer ?? pointer), addAlternativeNames(to: pointer),
            X509_sign(pointer, issuerKey.pointer, digest(for: issuerKey)) > 0
        else { throw .configuration("cannot sign a certificate for \(commonName ?? alternativeNames.first ?? "nobody")") }
        return certificate
    }

    /// `MBSTRING_UTF8`, a macro of macros that does not import.
    private static let utf8: Int32 = MBSTRING_FLAG

    /// Ed25519 and Ed448 bring their own digest.
    private func digest(for key: PrivateKey) -> OpaquePointer? {
        let kind = EVP_PKEY_get_id(key.pointer)
        return kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448 ? nil : EVP_sha256()
    }

    /// 126 random bits below a set one: positive, and at most the 20 octets of RFC 5280 section 4.1.2.2.
    private func setSerial(_ certificate: OpaquePointer) -> Bool {
        guard let number = BN_new() else { return false }
        defer { BN_free(number) }
        return BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1
            && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
    }

    private func setSubject(_ name: OpaquePointer?) -> Bool {
        for (nid, text) in [(NID_commonName, commonName), (NID_organizationName, organization)] {
            guard let text else { continue }
            let bytes = Array(text.utf8)
            // RFC 5280 appendix A.1: 64 characters at most; OpenSSL checks the bound too.
            guard X509_NAME_add_entry_by_NID(name, nid, Self.utf8, bytes, Int32(bytes.count), -1, 0) == 1 else { return false }
        }
        return true
    }

    private func addExtensions(to certificate: OpaquePointer, issuer: OpaquePointer) -> Bool {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        for (nid, value) in extensions {
            guard let made = X509V3_EXT_conf_nid(nil, &context, nid, value) else { return false }
            defer { X509_EXTENSION_free(made) }
            guard X509_add_ext(certificate, made, -1) == 1 else { return false }
        }
        return true
    }

    /// Built from values and not from OpenSSL's text syntax, in which a comma in a name would add another.
    private func addAlternativeNames(to certificate: OpaquePointer) -> Bool {
        guard !alternativeNames.isEmpty else { return true }
        guard let names = GENERAL_NAMES_new() else { return false }
        defer { GENERAL_NAMES_free(names) }
        for name in alternativeNames {
            let address = HostName.addressBytes(name)
            let bytes = address ?? Array(name.utf8)
            guard bytes.allSatisfy({ address != nil || (0x21...0x7e).contains($0) }),
                let entry = GENERAL_NAME_new()
            else { return false }
            guard let value = address == nil ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new() else {
                GENERAL_NAME_free(entry)
                return false
            }
            // From here the entry owns the value, and the list the entry.
            GENERAL_NAME_set0_value(entry, address == nil ? GEN_DNS : GEN_IPADD, value)
            guard ASN1_STRING_set(value, bytes, Int32(bytes.count)) == 1, shim_GENERAL_NAMES_push(names, entry) > 0 else {
                GENERAL_NAME_free(entry)
                return false
            }
        }
        // RFC 5280 section 4.1.2.6: without a subject the extension must be critical.
        let critical: Int32 = commonName == nil ? 1 : 0
        return X509_add1_ext_i2d(certificate, NID_subject_alt_name, UnsafeMutableRawPointer(names), critical, 0) == 1
    }
}
