import COpenSSL

/// Message digests of whole inputs, by OpenSSL.
public enum Digest {
    case md5, sha1

    /// Nil if OpenSSL's configuration forbids the algorithm, as FIPS does with MD5.
    public func of(_ octets: [UInt8]) -> [UInt8]? {
        var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var size: UInt32 = 0
        guard EVP_Digest(octets, octets.count, &result, &size, self == .md5 ? EVP_md5() : EVP_sha1(), nil) == 1 else {
            ERR_clear_error()
            return nil
        }
        return Array(result.prefix(Int(size)))
    }
}
