import AddonWire
import NIOCore
import ProxyKernel
import Schema

/// What a worker says to new values of options.
enum ConfigureAnswer: Sendable, Equatable {
    /// It does not hook `configure`, or is down: it will be told when it is back.
    case notAsked
    /// It accepts, or has failed and its hook's policy is to go on without it.
    case accepted
    /// Why the values cannot hold.
    case refused(String)
}

extension Worker {
    /// Sends the values that options are to have. On the worker's loop.
    ///
    /// `revision` is what the worker is remembered to have been told; a failure counts as `accepted` where `mayFail`.
    func configure(_ event: ConfigureEvent, revision: Int, mayFail: Bool = true) -> EventLoopFuture<ConfigureAnswer> {
        guard let life, life.isReady, life.end == nil, !isStopping else { return loop.makeSucceededFuture(.notAsked) }
        life.revision = revision
        guard life.subscriptions.contains(where: { $0.hook.index == LifecycleHooks.table.configure.index }) else {
            return loop.makeSucceededFuture(.notAsked)
        }
        life.openConfigures += 1
        let bound = NIOLoopBound(life, eventLoop: loop)
        return ask(LifecycleHooks.table.configure, OptionView(of: grants, host.options).shown(event)).map { [self] failures in
            bound.value.openConfigures -= 1
            for (subscription, failure) in failures {
                let text = "'\(subscription.name)' failed: \(failure.note)"
                let isFatal = failure.cause == .workerError || subscription.policy == .kill
                if isFatal || (failure.cause == .crash && !mayFail) { return .refused("addon '\(name)': \(text)") }
                host.log.line(.warning, name, text)
            }
            return .accepted
        }
    }

    /// As `configure` at a worker's start, where its refusal and its end are failures.
    func configureFirst() -> EventLoopFuture<Void> {
        let (event, revision) = host.reconfiguration.present
        return configure(event, revision: revision, mayFail: false).flatMapThrowing { answer in
            if case .refused(let reason) = answer { throw AddonFailure(reason) }
        }
    }
}
