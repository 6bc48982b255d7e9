/// Byte strings that nearly every message has. Written as octets, they stand in the program's data: nothing is allocated for them, and
/// nothing counts who holds them.
extension ByteString {
    /// `HTTP/1.1`
    public static let http11 = ByteString(octets: [0x48, 0x54, 0x54, 0x50, 0x2F, 0x31, 0x2E, 0x31])
    /// `HTTP/1.0`
    public static let http10 = ByteString(octets: [0x48, 0x54, 0x54, 0x50, 0x2F, 0x31, 0x2E, 0x30])
    /// `HTTP/2.0`, as mitmproxy writes it.
    public static let http2 = ByteString(octets: [0x48, 0x54, 0x54, 0x50, 0x2F, 0x32, 0x2E, 0x30])
    /// `http`
    public static let http = ByteString(octets: [0x68, 0x74, 0x74, 0x70])
    /// `https`
    public static let https = ByteString(octets: [0x68, 0x74, 0x74, 0x70, 0x73])
    /// `/`
    public static let slash = ByteString(octets: [0x2F])
    /// `GET`
    public static let get = ByteString(octets: [0x47, 0x45, 0x54])
    /// `POST`
    public static let post = ByteString(octets: [0x50, 0x4F, 0x53, 0x54])
    /// `OK`
    public static let ok = ByteString(octets: [0x4F, 0x4B])

    /// A method, or a reason phrase.
    public init(word octets: UnsafeRawBufferPointer) {
        switch octets.count {
        case 2 where octets.isExactly("OK"): self = .ok
        case 3 where octets.isExactly("GET"): self = .get
        case 4 where octets.isExactly("POST"): self = .post
        default: self.init(octets)
        }
    }

    private init(octets: [UInt8]) { bytes = octets }
}
