/// The words for DNS's numbers, as IANA's registry and mitmproxy have them.
public enum DNSWords {
    public static func type(_ number: Int) -> String { types[number] ?? "TYPE(\(number))" }
    public static func operation(_ number: Int) -> String { operations[number] ?? "OPCODE(\(number))" }
    public static func responseCode(_ number: Int) -> String { codes[number] ?? "RCODE(\(number))" }

    private static let operations = [0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"]

    private static let codes = numbered(
        from: 0, "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE DSOTYPENI")

    private static let types = [
        (
            1,
            "A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP_PTR SIG KEY PX GPOS AAAA"
        ),
        (29, "LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK OPT APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3"),
        (51, "NSEC3PARAM TLSA SMIMEA"), (55, "HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS"),
        (99, "SPF UINFO UID GID UNSPEC NID L32 L64 LP EUI48 EUI64"), (249, "TKEY TSIG IXFR AXFR MAILB MAILA ANY"),
        (256, "URI CAA AVC DOA AMTRELAY"), (32768, "TA DLV"),
    ].reduce(into: [:]) { $0.merge(numbered(from: $1.0, $1.1)) { first, _ in first } }

    private static func numbered(from first: Int, _ words: String) -> [Int: String] {
        Dictionary(uniqueKeysWithValues: zip(first..., words.split(separator: " ").map(String.init)))
    }
}
