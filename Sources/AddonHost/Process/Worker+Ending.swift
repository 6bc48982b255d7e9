import AddonWire
import Glibc
import NIOCore

extension Worker {
    /// Lets the events at hand end, for at most `timeout`, and takes no others. On the worker's loop.
    func drain(timeout: Int64) -> EventLoopFuture<Void> {
        isStopping = true
        restart?.cancel()
        guard let link = life?.link, life?.isReady == true else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        let alarm = loop.scheduleTask(in: .milliseconds(timeout)) { promise.succeed() }
        link.drain().whenComplete { _ in
            alarm.cancel()
            promise.succeed()
        }
        return promise.futureResult
    }

    /// Asks it to end, and makes it. The future succeeds when nothing of it is left. On the worker's loop.
    func stop() -> EventLoopFuture<Void> {
        isStopping = true
        restart?.cancel()
        guard let life, !life.isOver else { return loop.makeSucceededVoidFuture() }
        let promise = ended ?? loop.makePromise(of: Void.self)
        if ended == nil {
            ended = promise
            if let link = life.link, life.isReady, life.end == nil {
                link.shutdown(timeout: bounds.killDelay).whenComplete { _ in link.close(.finished) }
            } else if let link = life.link {
                link.close(.finished)
            } else {
                terminate(life)
            }
        }
        return promise.futureResult
    }

    func exited(_ life: WorkerLife, _ exit: ChildProcess.Exit) {
        life.exit = exit
        // Its last answers and words may still be in the socket and the pipe, or in the hands of a process that fled the group.
        life.timers.append(
            loop.scheduleTask(in: .milliseconds(200)) { [handle = NIOLoopBound(life, eventLoop: loop)] in
                handle.value.isOutputOver = true
                if let link = handle.value.link, handle.value.end == nil {
                    link.close(.ended)
                } else {
                    self.check(handle.value)
                }
            })
        check(life)
    }

    func outputEnded(_ life: WorkerLife) {
        life.isOutputOver = true
        check(life)
    }

    /// Ends a process whose connection is over: a moment for its own end, SIGTERM, SIGKILL.
    func terminate(_ life: WorkerLife) {
        guard let child = life.child, life.exit == nil else { return }
        let delay = TimeAmount.milliseconds(bounds.killDelay)
        life.timers.append(loop.scheduleTask(in: delay) { child.signal(SIGTERM) })
        life.timers.append(loop.scheduleTask(in: delay + delay) { child.signal(SIGKILL) })
    }

    func check(_ life: WorkerLife) {
        guard life.isOver, !life.isReported else { return }
        life.isReported = true
        life.timers.forEach { $0.cancel() }
        if let launched {
            self.launched = nil
            launched.fail(AddonFailure("addon '\(name)': \(life.obituary)"))
        }
        ended?.succeed()
        ended = nil
        if isSupervised { buried(life) }
    }

    /// A life is over that somebody relied on: says so once, and decides about the next.
    func buried(_ life: WorkerLife) {
        guard !isStopping else { return giveUp() }
        if isRetiring {
            host.log.line(.warning, name, "died before its last flow had ended: \(life.obituary)\(lostText(life))")
            host.publish(self, [])
            return giveUp()
        }
        if case .attached = addon.form {
            host.log.line(.info, name, "left: \(life.obituary)\(lostText(life))")
            isHopeless = true
            host.forget(self)
            return giveUp()
        }
        let now = MonotonicClock.now
        if diedAt == nil { diedAt = now }
        let decision = supervision.died(
            now: now, isFinal: life.exit == .status(Supervision.finalStatus), random: Double.random(in: 0..<1))
        let what = life.isReady ? "died: \(life.obituary)\(lostText(life))" : "did not start: \(life.obituary)"
        switch decision {
        case .restart(let delay):
            host.log.line(.warning, name, "\(what); starting it again in \(seconds(delay))")
            publishOutage(life, .crash, "it is being started again")
            relaunch(after: delay)
        case .pause(let delay):
            host.log.line(.error, name, "\(what); it failed too often and is left alone for \(seconds(delay))")
            publishOutage(life, .breakerOpen, "it failed too often and is left alone")
            giveUp()
            relaunch(after: delay)
        case .never:
            isHopeless = true
            host.log.line(.error, name, "\(what); it asked not to be started again")
            publishOutage(life, .start, "it asked not to be started again")
            giveUp()
        }
    }

    private func giveUp() {
        hopeful.forEach { $0.succeed(false) }
        hopeful = []
    }

    /// What its flows meet while it is down.
    func publishOutage(_ life: WorkerLife, _ cause: FailureCause, _ note: String) {
        if life.isReady { lastSubscriptions = life.subscriptions }
        let outage = LinkFailure(cause, note)
        host.publish(self, lastSubscriptions.map { Listener($0, outage: outage) })
    }

    private func relaunch(after delay: Int64) {
        restart = loop.scheduleTask(in: .milliseconds(delay)) { [self] in
            restarts += 1
            meters?.restarts.increment()
            launch().flatMap { self.host.greet(self) }.whenComplete { result in
                switch result {
                case .success: self.enlist()
                case .failure(let error):
                    // If the process lives on after it refused its first events, its end is what counts.
                    if let life = self.life, life.end == nil { life.link?.close(.handshake("\(error)")) }
                }
            }
        }
    }

    /// Forgets its deaths; whether it was down and is being started now. On the worker's loop.
    func reset() -> Bool {
        supervision.reset()
        guard isSupervised, !isStopping, !isRetiring, life?.isOver == true else { return false }
        restart?.cancel()
        isHopeless = false
        relaunch(after: 0)
        return true
    }

    private func lostText(_ life: WorkerLife) -> String {
        let count = life.lost.values.reduce(0, +)
        guard count > 0 else { return "" }
        let policies = FailurePolicy.allCases.compactMap { policy in life.lost[policy].map { "\($0) \(policy.rawValue)" } }
        return "; \(count) event\(count == 1 ? "" : "s") lost (\(policies.joined(separator: ", ")))"
    }

    func seconds(_ milliseconds: Int64) -> String {
        let tenths = (milliseconds + 50) / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
