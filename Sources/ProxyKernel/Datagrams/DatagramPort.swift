import FlowModel
import Logging
import NIOCore
import Schema
import Synchronization

/// One of our UDP ports: hands each client's datagrams to its association and forgets those that are idle. Confined to its loop.
public final class DatagramPort: ChannelInboundHandler, @unchecked Sendable {
    public typealias InboundIn = AddressedEnvelope<ByteBuffer>
    public typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// What a receiver must have room for: of a longer datagram, the rest would be lost.
    public static let maximumDatagram = 65_535

    private let mode: ModeSpec
    private let services: Services
    private let hooks: any HookPort
    private let executor: LoopExecutor
    private let layer: DatagramLayer
    private var channel: (any Channel)?
    private var associations: [SocketAddress: Association] = [:]
    private var idle = IdleAssociations()
    private var sweep: Scheduled<Void>?
    private var flushIsDue = false
    private var isDraining: Bool { silence != nil }
    /// Set when the port ends: how long an association must have been idle to be over, as an answer may be on its way.
    private var silence: TimeAmount?
    /// Associations, and stories of such that are over.
    private let load = Atomic(0)
    private var drops: [Drop: DropCount] = [:]

    public var loop: any EventLoop { executor.loop }

    public init(mode: ModeSpec, layer: DatagramLayer, services: Services, hooks: any HookPort, executor: LoopExecutor) {
        self.mode = mode
        self.layer = layer
        self.services = services
        self.hooks = hooks
        self.executor = executor
    }

    // MARK: The channel

    public func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        context.fireChannelActive()
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let association = association(of: envelope.remoteAddress, context.channel) else { return }
        touched(association.entry)
        let bytes = envelope.data.ofItsSize
        association.assumeIsolated { $0.received(bytes) }
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Of one datagram, such as that its receiver is gone; the port goes on.
        services.logger.debug("\(mode): \(error)")
    }

    func send(_ bytes: ByteBuffer, to address: SocketAddress) {
        guard let channel, channel.isWritable else { return dropped(.output) }
        channel.write(AddressedEnvelope(remoteAddress: address, data: bytes), promise: nil)
        guard !flushIsDue else { return }
        flushIsDue = true
        executor.loop.execute { [self] in
            flushIsDue = false
            channel.flush()
        }
    }

    // MARK: Associations

    private func association(of address: SocketAddress, _ channel: any Channel) -> Association? {
        if let known = associations[address] { return known }
        guard !isDraining else { return nil }
        guard makeRoom() else {
            dropped(.associations)
            return nil
        }
        var record = Client(
            id: Identifier.uuid4(), peername: Address(address), sockname: Address(channel.localAddress),
            proxyMode: mode.description, timestampStart: WallClock.now)
        record.transportProtocol = Transport.udp.rawValue
        let new = Association(
            address, on: self, record: record, layer: layer, mode: mode, services: services, hooks: hooks, executor: executor)
        associations[address] = new
        load.add(1, ordering: .relaxed)
        new.assumeIsolated { association in
            list(association.entry)
            association.begin()
        }
        return new
    }

    private func makeRoom() -> Bool {
        let bound = services.settings[ProxyOptions.table.udpAssociations]
        while associations.count >= bound {
            guard let oldest = idle.first else { return false }
            if layer.remembers { dropped(.evicted) }
            forget(oldest, .evicted)
        }
        return true
    }

    func forget(_ entry: AssociationEntry, _ end: AssociationEnd) {
        idle.remove(entry)
        guard let association = entry.association.take() else { return }
        association.assumeIsolated { association in
            associations[association.address] = nil
            association.end(end)
        }
        load.subtract(1, ordering: .relaxed)
    }

    func becameBusy(_ entry: AssociationEntry) {
        load.add(1, ordering: .relaxed)
        idle.remove(entry)
    }

    func becameIdle(_ entry: AssociationEntry) {
        load.subtract(1, ordering: .relaxed)
        guard entry.association != nil else { return }
        list(entry)
    }

    private func list(_ entry: AssociationEntry) {
        idle.append(entry, at: .now())
        if sweep == nil { scheduleSweep() }
    }

    func touched(_ entry: AssociationEntry) { if entry.idleSince != nil { idle.append(entry, at: .now()) } }

    private var timeout: TimeAmount { silence ?? .seconds(Int64(services.settings[ProxyOptions.table.udpTimeout])) }

    /// All wait for the same time, so the first of the list is the next whose time is over.
    private func scheduleSweep() {
        guard let since = idle.first?.idleSince else { return sweep = nil }
        sweep = executor.loop.assumeIsolated().scheduleTask(deadline: since + timeout) { [weak self] in
            guard let self else { return }
            let now = NIODeadline.now()
            while let first = self.idle.first, let since = first.idleSince, since + self.timeout <= now {
                self.forget(first, self.isDraining ? .shutdown : .idle)
            }
            self.scheduleSweep()
        }
    }

    // MARK: The end

    /// Takes no further clients, and ends each association when it has been idle for `silence`. `leavesRest` leaves what comes to another
    /// process that has the socket.
    public func drain(silence: TimeAmount, leavesRest: Bool) {
        self.silence = silence
        if leavesRest { try? channel?.syncOptions?.setOption(.autoRead, value: false) }
        sweep?.cancel()
        scheduleSweep()
    }

    /// Whether there is nothing left to be done; from any thread.
    public var isQuiet: Bool { load.load(ordering: .relaxed) == 0 }

    /// Ends all associations, whatever they do.
    public func close() {
        sweep?.cancel()
        silence = .zero
        for association in associations.values { forget(association.entry, .shutdown) }
        channel?.close(promise: nil)
    }

    // MARK: What is lost

    enum Drop: String { case associations, evicted, queue, output }

    /// Counts what is lost; the log has the first of each kind, then the number once in ten seconds at most.
    func dropped(_ what: Drop) {
        services.counters.add(ProxyInstruments.table.udpDrops, kind: what.rawValue)
        guard let count = drops[what, default: DropCount()].count() else { return }
        let options = ProxyOptions.table
        let bound = "\(options.udpAssociations.name)=\(services.settings[options.udpAssociations])"
        let text =
            switch what {
            case .associations: "datagrams of new clients dropped: \(bound), and none is idle"
            case .evicted: "associations ended to make room (\(bound)), those idle longest first"
            case .queue: "datagrams dropped: too many of one client wait for addons or the server"
            case .output: "datagrams dropped: too many wait to be sent"
            }
        services.logger.warning("\(mode): \(count) \(text)")
    }
}

/// How often something happened, and when to say so.
private struct DropCount {
    private var total = 0
    private var saidAt: NIODeadline?

    /// The total, if it is to be logged now.
    mutating func count() -> Int? {
        total += 1
        let now = NIODeadline.now()
        if let saidAt, now < saidAt + .seconds(10) { return nil }
        saidAt = now
        return total
    }
}
