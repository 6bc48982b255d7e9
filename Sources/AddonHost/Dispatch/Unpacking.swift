import Codings
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
    let loop: any EventLoop
    let waiter: Waiter?

    /// The body without the codings, or why it cannot be decoded. Throws if nobody waits for it any more.
    func decode(
        _ body: ByteBuffer, _ codings: BodyCodings, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> Result<ByteBuffer, CodingFailure> {
        try await pass(body, isolation: isolation) { () throws(CodingFailure) in try codings.decoding(of: body, limits: limits) }
    }

    /// The body with the codings put on, or why they cannot be. Throws if nobody waits for it any more.
    func encode(
        _ body: ByteBuffer, _ codings: BodyCodings, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> Result<ByteBuffer, CodingFailure> {
        try await pass(body, isolation: isolation) { () throws(CodingFailure) in try codings.encoding(of: body) }
    }

    private func pass<Coder: ContentCoder & ~Copyable>(
        _ body: ByteBuffer, isolation: isolated (any Actor)?, begin: () throws(CodingFailure) -> BodyCoding<Coder>?
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
        return try await done.wait(as: waiter, isolation: isolation)
    }
}
