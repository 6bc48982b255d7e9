import NIOCore
import ProxyKernel
import Schema
import Synchronization

/// Changes of options while the proxy runs: each worker that hooks `configure` is asked in order, and a refusal takes all back.
///
/// There is one change at a time, and a second is refused instead of waiting, so that no two workers wait for each other.
/// Values hold when all have accepted them. The worker that asks for a change is told when it has happened, not asked: while
/// it waits for the answer to its call it may not read events.
final class Reconfiguration: Sendable {
    private struct State {
        var isBusy = false
        /// Counts the changes that were asked for. One that was refused has its number for itself, so that nobody who saw it is taken
        /// for one who has seen the next.
        var attempts = 0
        /// The number of the last change that came to hold.
        var revision = 0
    }

    /// Workers that were sent values which do not hold yet.
    private struct Round: Sendable {
        var told: [Worker] = []
        var veto: String?
    }

    private let options: OptionStore
    private let loop: any EventLoop
    private let state = Mutex(State())

    init(options: OptionStore, loop: any EventLoop) {
        self.options = options
        self.loop = loop
    }

    /// What a worker that starts now is sent, and the number by which it is known to have seen it.
    var present: (ConfigureEvent, revision: Int) {
        // In this order: one that sees new values under the old number is told of them once more.
        let revision = state.withLock { $0.revision }
        let values = options.json
        return (ConfigureEvent(options: .object(values), updated: values.members.map(\.key)), revision)
    }

    /// Changes options by their names, all or none, at a worker's wish or, without one, at the operator's. Fails with a `CallFailure`.
    func change(
        _ values: JSONObject, by caller: Worker? = nil, of host: AddonHost
    ) throws(CallFailure) -> EventLoopFuture<Void> {
        let proposal: OptionProposal
        do throws(OptionRefusal) { proposal = try options.proposal(values) } catch { throw CallFailure.option(error) }
        guard !proposal.names.isEmpty else { return loop.makeSucceededVoidFuture() }
        let revision: Int? = state.withLock { state in
            guard !state.isBusy else { return nil }
            state.isBusy = true
            state.attempts += 1
            return state.attempts
        }
        guard let revision else { throw .conflict("another change of options is being decided") }
        var proposed = options.json
        for change in proposal.changes { proposed[change.option.name] = change.json }
        let event = ConfigureEvent(options: .object(proposed), updated: proposal.names)
        let workers = host.workers.filter { $0 !== caller }
        return loop.flatSubmit { self.ask(workers[...], Round(), event, revision) }.flatMapThrowing { round in
            defer { self.state.withLock { $0.isBusy = false } }
            guard let veto = round.veto else {
                self.options.commit(proposal)
                self.state.withLock { $0.revision = revision }
                self.tell(host.workers, revision, proposal.names)
                return
            }
            self.revert(round.told, proposal.names)
            throw CallFailure.vetoed(veto)
        }
    }

    private func ask(_ rest: ArraySlice<Worker>, _ round: Round, _ event: ConfigureEvent, _ revision: Int) -> EventLoopFuture<
        Round
    > {
        guard let worker = rest.first else { return loop.makeSucceededFuture(round) }
        return worker.loop.flatSubmit { worker.configure(event, revision: revision) }.hop(to: loop).flatMap { answer in
            var round = round
            switch answer {
            case .notAsked: break
            case .accepted: round.told.append(worker)
            case .refused(let reason):
                round.veto = reason
                return self.loop.makeSucceededFuture(round)
            }
            return self.ask(rest.dropFirst(), round, event, revision)
        }
    }

    /// Tells those that have not seen the change: the caller, and workers that came meanwhile.
    private func tell(_ workers: [Worker], _ revision: Int, _ names: [String]) {
        let event = ConfigureEvent(options: .object(options.json), updated: names)
        for worker in workers {
            worker.loop.execute {
                guard let life = worker.life, life.revision < revision else { return }
                _ = worker.configure(event, revision: revision)
            }
        }
    }

    private func revert(_ told: [Worker], _ names: [String]) {
        let (event, revision) = present
        for worker in told {
            worker.loop.execute {
                _ = worker.configure(ConfigureEvent(options: event.options, updated: names), revision: revision)
            }
        }
    }
}
