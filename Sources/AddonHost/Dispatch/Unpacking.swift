import Codings
import FlowModel
import HTTPExchange
import NIOCore
import NIOPosix
import ProxyKernel

/// Takes content codings off whole bodies, and puts them on: small ones at once, the others on a thread of their own, since one
/// loop serves everybody. Confined to the loop.
struct Unpacking {
    /// Bytes in or out that the loop does itself: about a millisecond.
    private static let onLoop = 256 * 1024

    let limits: CodingLimits
    /// Where what comes of bodies in files is held.
    let store: BodyStore
    let loop: any EventLoop
    let waiter: Waiter?

    /// The body without the codings, or why it cannot be decoded. Throws if nobody waits for it any more.
    func decode(
        _ body: ByteBuffer, _ codings: BodyCodings
    ) async throws(ProxyFailure) -> Result<ByteBuffer, CodingFailure> {
        try await pass(body) { () throws(CodingFailure) in try codings.decoding(of: body, limits: limits) }
    }

    /// The body with the codings put on, or why they cannot be. Throws if nobody waits for it any more.
    func encode(
        _ body: ByteBuffer, _ codings: BodyCodings
    ) async throws(ProxyFailure) -> Result<ByteBuffer, CodingFailure> {
        try await pass(body) { () throws(CodingFailure) in try codings.encoding(of: body) }
    }

    /// The same of a body in a file, piece by piece; what comes out is held as one that came so. Fails as the body of `peer` that it is.
    func decode(
        _ file: BodyFile, _ codings: BodyCodings, of peer: String, fault: ProxyFailure.Fault
    ) async throws(ProxyFailure) -> Content {
        let decoding: (any BodyStage)?
        do throws(CodingFailure) {
            decoding = try codings.decodingStage(of: peer, fault: fault, limits: limits, on: loop)
        } catch {
            throw ProxyFailure(error, of: peer, fault: fault)
        }
        do throws(ProxyFailure) {
            return try await pass(file, decoding)
        } catch {
            // What comes out may be more than can be held.
            throw error.what == .limit && error.fault != .us ? ProxyFailure(.limit, fault: fault, error.note) : error
        }
    }

    /// The body in a file with the codings put on; nil if they cannot be made.
    func encode(_ file: BodyFile, _ codings: BodyCodings) async throws(ProxyFailure) -> Content? {
        let encoding: (any BodyStage)?
        do throws(CodingFailure) {
            encoding = try codings.encodingStage(on: loop)
        } catch {
            return nil
        }
        return try await pass(file, encoding)
    }

    private func pass(
        _ file: BodyFile, _ stage: (any BodyStage)?
    ) async throws(ProxyFailure) -> Content {
        guard let stage else { return .file(file) }
        let path = BodyPath(.file(file), trailers: nil, on: loop)
        path.pass(through: stage)
        defer { path.end() }
        return try await path.hold(in: store, of: "that was unpacked", waiter: waiter, on: loop)
    }

    private func pass<Coder: ContentCoder & ~Copyable>(
        _ body: ByteBuffer, begin: () throws(CodingFailure) -> BodyCoding<Coder>?
    ) async throws(ProxyFailure) -> Result<ByteBuffer, CodingFailure> {
        let coding: BodyCoding<Coder>
        do throws(CodingFailure) {
            guard let begun = try begin() else { return .success(body) }
            if try begun.advance(Self.onLoop) { return .success(begun.result) }
            coding = begun
        } catch {
            return .failure(error)
        }
        let done = Pending<Result<ByteBuffer, CodingFailure>>(on: loop)
        NIOThreadPool.singleton.submit { _ in
            do throws(CodingFailure) {
                _ = try coding.advance(.max)
                done.resume(.success(coding.result))
            } catch {
                done.resume(.failure(error))
            }
        }
        return try await done.wait(as: waiter)
    }
}
