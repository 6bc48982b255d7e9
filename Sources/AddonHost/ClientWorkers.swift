import NIOCore
import Synchronization

/// Which worker is whose, for an addon that has a process of its own for each client: by the client's address. From any thread.
///
/// One worker more than there are clients is kept ready, up to the bound; a client's worker ends when it has had no connection
/// for a while.
final class ClientWorkers: Sendable {
    private struct Client {
        var worker: Worker
        var connections: Set<String> = []
    }

    private struct Waiting {
        let number: Int
        let address: String
        let connection: String
        let promise: EventLoopPromise<Worker>
    }

    private struct State {
        var clients: [String: Client] = [:]
        var spares: [Worker] = []
        var waiting: [Waiting] = []
        var nextNumber = 0
    }

    private enum Answer {
        case known(Worker)
        case claimed(Worker)
        case waits(number: Int)
        case full
    }

    /// Clients that wait for a worker at a time; those beyond find none.
    static let maximumWaiting = 1024
    private let state = Mutex(State())

    /// The worker that the client has.
    func worker(of address: String) -> Worker? { state.withLock { $0.clients[address]?.worker } }

    /// The client's worker, one that was spare if it has none yet, or the next one that comes up; fails when `timeout` milliseconds have
    /// passed. `claimed` is called where another worker is wanted.
    func worker(
        of address: String, connection: String, within timeout: Int64, on loop: any EventLoop,
        claimed: @escaping @Sendable () -> Void
    ) -> EventLoopFuture<Worker> {
        let promise = loop.makePromise(of: Worker.self)
        let answer: Answer = state.withLock { state in
            if let client = state.clients[address] {
                state.clients[address]?.connections.insert(connection)
                return .known(client.worker)
            }
            if let spare = state.spares.popLast() {
                state.clients[address] = Client(worker: spare, connections: [connection])
                return .claimed(spare)
            }
            guard state.waiting.count < Self.maximumWaiting else { return .full }
            state.nextNumber += 1
            state.waiting.append(
                Waiting(number: state.nextNumber, address: address, connection: connection, promise: promise))
            return .waits(number: state.nextNumber)
        }
        switch answer {
        case .known(let worker): promise.succeed(worker)
        case .claimed(let worker):
            claimed()
            promise.succeed(worker)
        case .full: promise.fail(AddonFailure("\(Self.maximumWaiting) clients wait for a process"))
        case .waits(let number):
            claimed()
            let alarm = loop.scheduleTask(in: .milliseconds(timeout)) { [self] in
                // Who was served meanwhile is not in the list any more.
                let isLate = state.withLock { state in
                    let count = state.waiting.count
                    state.waiting.removeAll { $0.number == number }
                    return state.waiting.count < count
                }
                if isLate { promise.fail(AddonFailure("no process became free for the client within \(timeout) ms")) }
            }
            promise.futureResult.whenComplete { _ in alarm.cancel() }
        }
        return promise.futureResult
    }

    /// A worker has come up: one that is nobody's goes to who waits longest, or is spare. Whether another one is wanted.
    func ready(_ worker: Worker) -> Bool {
        let served: [(EventLoopPromise<Worker>, Worker)] = state.withLock { state in
            let isKnown = state.spares.contains { $0 === worker } || state.clients.values.contains { $0.worker === worker }
            if !isKnown { state.spares.append(worker) }
            var served: [(EventLoopPromise<Worker>, Worker)] = []
            var rest: [Waiting] = []
            for waiter in state.waiting {
                if state.clients[waiter.address] == nil, let spare = state.spares.popLast() {
                    state.clients[waiter.address] = Client(worker: spare)
                }
                if let own = state.clients[waiter.address]?.worker {
                    state.clients[waiter.address]?.connections.insert(waiter.connection)
                    served.append((waiter.promise, own))
                } else {
                    rest.append(waiter)
                }
            }
            state.waiting = rest
            return served
        }
        for (promise, worker) in served { promise.succeed(worker) }
        return state.withLock { $0.spares.isEmpty }
    }

    /// A connection of the client has ended; its worker if that was the last one. It waits for none any more.
    func left(_ address: String, connection: String) -> Worker? {
        let (worker, gone): (Worker?, [Waiting]) = state.withLock { state in
            let gone = state.waiting.filter { $0.connection == connection }
            state.waiting.removeAll { $0.connection == connection }
            guard state.clients[address]?.connections.remove(connection) != nil,
                state.clients[address]?.connections.isEmpty == true
            else { return (nil, gone) }
            return (state.clients[address]?.worker, gone)
        }
        for waiter in gone { waiter.promise.fail(AddonFailure("the client has left")) }
        return worker
    }

    /// Takes the worker from its client if that has no connection still; false if it has come back.
    func release(_ worker: Worker) -> Bool {
        state.withLock { state in
            guard let address = state.clients.first(where: { $0.value.worker === worker })?.key,
                state.clients[address]?.connections.isEmpty == true
            else { return false }
            state.clients[address] = nil
            return true
        }
    }

    /// These have ended or are to: no new flow goes to them.
    func forget(_ workers: [Worker]) {
        state.withLock { state in
            state.spares.removeAll { spare in workers.contains { $0 === spare } }
            state.clients = state.clients.filter { client in !workers.contains { $0 === client.value.worker } }
        }
    }
}
