import FlowModel
import Logging
import NIOCore
import Schema
import Synchronization
import TLSEngine

/// What all sessions share: settings, certificates, the protocols, and where finished flows go.
public final class Services: Sendable {
    /// As they are now: they may change while the proxy runs. From any thread; sessions have their loop's.
    public var present: PresentSettings { current.withLock { $0 } }
    /// Another number after each change of them.
    let revision = Atomic(0)
    public var settings: Settings { present.settings }
    public let logger: Logger
    public let contexts: TLSContexts
    public let leaves: LeafCache
    public let clientFacing: ClientFacingSettings
    public let upstream: UpstreamSettings
    public let protocols: [ProtocolLayer]
    /// Nil if HTTP/2 is not spoken.
    let multiplex: MultiplexerFactory?
    let openTunnel: TunnelOpener?
    public let recorder: any FlowRecorder
    /// Our own listening addresses, to which no request is forwarded.
    public let ownAddresses: OwnAddresses
    public let counters: Counters
    public let meters: ProxyMeters
    public let sessions = SessionRegistry()
    let pinned = PinnedHosts()
    public let flows: FlowRegistry
    private let current: Mutex<PresentSettings>
    /// Nil if no connection is passed through by its host.
    let passthrough: HostSelection?
    let admission: ClientAdmission
    /// Bytes of a body that are let through at most; nil for any number.
    public let bodySizeLimit: Int?

    public init(
        options: OptionStore, logger: Logger, contexts: TLSContexts, leaves: LeafCache, clientFacing: ClientFacingSettings,
        upstream: UpstreamSettings, protocols: [ProtocolLayer], multiplex: MultiplexerFactory?,
        openTunnel: TunnelOpener?, recorder: any FlowRecorder,
        ownAddresses: OwnAddresses,
        flows: FlowRegistry, counters: Counters, meters: ProxyMeters,
        interception: @escaping @Sendable (Settings) -> Interception?,
        passthrough: HostSelection?
    ) {
        self.logger = logger
        self.contexts = contexts
        self.leaves = leaves
        self.clientFacing = clientFacing
        self.upstream = upstream
        self.protocols = protocols
        self.multiplex = multiplex
        self.openTunnel = openTunnel
        self.recorder = recorder
        self.ownAddresses = ownAddresses
        self.flows = flows
        self.counters = counters
        self.meters = meters
        self.passthrough = passthrough
        let settings = options.settings
        admission = ClientAdmission(settings)
        bodySizeLimit = settings[ProxyOptions.table.bodySizeLimit]?.bytes
        let wantsContent = recorder.wantsContent
        current = Mutex(PresentSettings(settings, interception(settings), recorderWantsContent: wantsContent))
        options.observe { [weak self] settings in
            let present = PresentSettings(settings, interception(settings), recorderWantsContent: wantsContent)
            self?.current.withLock { $0 = present }
            self?.revision.add(1, ordering: .releasing)
        }
    }
}

/// Takes each flow once, when it has ended. Called on the flow's loop.
public protocol FlowRecorder: Sendable {
    func record(_ flow: AnyFlow, sizes: BodySizes)
    /// Whether flows must keep their bodies and messages for it. Always the same.
    var wantsContent: Bool { get }
    /// Takes a message of a flow that lives, as it was passed on or dropped: the only one in the state that it is given.
    func recordMessage(of flow: AnyFlow)
    var wantsMessages: Bool { get }
}

extension FlowRecorder {
    public func recordMessage(of flow: AnyFlow) {}
    public var wantsMessages: Bool { false }
}

/// How many bytes of an HTTP flow's bodies went each way, whether or not the flow kept them.
public struct BodySizes: Sendable {
    public var request = 0
    public var response = 0
    public init() {}
}

/// What a protocol folder provides: the program lists the protocols once, in order of preference.
public struct ProtocolLayer: Sendable {
    /// As the `next_layer` event names it.
    public let name: String
    public let claims: @Sendable (Detection.Verdict) -> Bool
    /// Takes over the client's side of the session; the bytes were read before the decision.
    public let start: @Sendable (isolated Session, ByteBuffer) -> Void

    public init(
        name: String, claims: @escaping @Sendable (Detection.Verdict) -> Bool,
        start: @escaping @Sendable (isolated Session, ByteBuffer) -> Void
    ) {
        self.name = name
        self.claims = claims
        self.start = start
    }
}
