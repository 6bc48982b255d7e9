import AddonWire
import NIOCore
import ProxyKernel
import Schema

extension AddonHost {
    /// Sends a kept event to the one addon that was launched and started, and gives its answer as JSON, or how it failed.
    public func replay(_ transcript: Transcript) async -> Result<JSON, AddonFailure> {
        guard let worker = workers.first else { return .failure(AddonFailure("there is no addon")) }
        guard let (method, params) = transcript.event else { return .failure(AddonFailure("it is not a single event")) }
        let message = LinkMessage(method) { writer in
            for member in params.members {
                writer.key(member.key)
                writer.value(member.value)
            }
        }
        let answer = worker.loop.makePromise(of: JSON.self)
        worker.loop.execute {
            guard let link = worker.life?.link, worker.life?.end == nil else {
                return answer.fail(AddonFailure("it has ended before the event"))
            }
            link.submit(
                message, timeout: worker.bounds.eventTimeout,
                EventTicket(policy: .continue, on: link.loop) { reply in
                    answer.completeWith(reply.mapError { AddonFailure("\($0)") })
                })
        }
        do {
            return .success(try await answer.futureResult.get())
        } catch {
            return .failure(error as? AddonFailure ?? AddonFailure("\(error)"))
        }
    }
}
