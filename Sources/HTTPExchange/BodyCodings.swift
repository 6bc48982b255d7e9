import Codings
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The content codings of one message, as its header names them: takes them off its body and puts them on again.
public struct BodyCodings: Equatable, Sendable {
    public static let field: StaticString = "Content-Encoding"
    /// How far a body is unpacked where the loop has to wait for it.
    private static let limitsAtOnce = CodingLimits(maximumSize: 16 << 20)

    /// The values of `Content-Encoding`, joined with commas; empty if there is none.
    private let names: String

    public init(_ headers: Headers) {
        names = headers.values(Self.field).map(\.string).joined(separator: ", ")
    }

    public var isEmpty: Bool { names.isEmpty }

    // MARK: Whole bodies

    /// The body without its codings, at once. Throws if they are unknown, the data is bad, or more than 16 MiB come out.
    public func decode(_ body: ByteBuffer) throws(CodingFailure) -> ByteBuffer {
        guard let decoding = try decoding(of: body, limits: Self.limitsAtOnce) else { return body }
        _ = try decoding.advance(.max)
        return decoding.result
    }

    /// The body without its codings, at once; nil if it cannot be decoded.
    public func decoded(_ body: ByteBuffer) -> ByteBuffer? {
        do throws(CodingFailure) { return try decode(body) } catch { return nil }
    }

    /// The body with its codings put on, at once.
    public func encode(_ body: ByteBuffer) throws(CodingFailure) -> ByteBuffer {
        guard let encoding = try encoding(of: body) else { return body }
        _ = try encoding.advance(.max)
        return encoding.result
    }

    /// What takes the codings off the body; nil if it has none. Throws if they are unknown.
    public func decoding(of body: ByteBuffer, limits: CodingLimits) throws(CodingFailure) -> BodyCoding<ContentDecoder>? {
        let stack = try ContentCoding.stack(names)
        guard !stack.isEmpty, body.readableBytes > 0 else { return nil }
        return BodyCoding(try ContentDecoder(stack, limits: limits), of: body)
    }

    /// What puts the codings on the body; nil if there are none. Throws if they are unknown.
    public func encoding(of body: ByteBuffer) throws(CodingFailure) -> BodyCoding<ContentEncoder>? {
        let stack = try ContentCoding.stack(names)
        guard !stack.isEmpty else { return nil }
        return BodyCoding(try ContentEncoder(stack), of: body)
    }

    // MARK: Bodies that flow

    /// What takes the codings off a body as it passes; nil if it has none. Throws if they are unknown.
    ///
    /// `peer` is who sends the body, for people: `server example.com:443`; `fault` is who is to blame for a body that cannot be decoded.
    public func decodingStage(
        of peer: String, fault: ProxyFailure.Fault, limits: CodingLimits, on loop: any EventLoop
    ) throws(CodingFailure) -> (any BodyStage)? {
        let stack = try ContentCoding.stack(names)
        guard !stack.isEmpty else { return nil }
        return DecodingStage(try ContentDecoder(stack, limits: limits), on: loop) { ProxyFailure($0, of: peer, fault: fault) }
    }

    /// What puts the codings on a body as it passes; nil if there are none. Throws if they are unknown.
    public func encodingStage(on loop: any EventLoop) throws(CodingFailure) -> (any BodyStage)? {
        let stack = try ContentCoding.stack(names)
        guard !stack.isEmpty else { return nil }
        return EncodingStage(try ContentEncoder(stack), on: loop) { ProxyFailure($0, of: "an addon", fault: .us) }
    }
}

extension CodingLimits {
    /// Those of bodies that are held.
    public init(_ settings: Settings) {
        self.init(
            maximumSize: settings[ProxyOptions.table.decodedBodyLimit].bytes,
            maximumRatio: settings[ProxyOptions.table.decodedBodyRatio])
    }

    /// Those of bodies that flow: they take no memory, however long they are.
    public static func flowing(_ settings: Settings) -> CodingLimits {
        CodingLimits(maximumSize: .max, maximumRatio: settings[ProxyOptions.table.decodedBodyRatio])
    }
}

extension ProxyFailure {
    /// A body that cannot be decoded; `peer` is who sent it, for people.
    public init(_ failure: CodingFailure, of peer: String, fault: Fault) {
        let what: What
        var fault = fault
        switch failure {
        case .tooLarge, .bomb: what = .limit
        case .unknown, .tooMany, .truncated, .corrupt: what = .badMessage(status: 400)
        case .unavailable:
            what = .limit
            fault = .us
        }
        self.init(what, fault: fault, "the body that \(peer) sent cannot be decoded: \(failure)")
    }
}
