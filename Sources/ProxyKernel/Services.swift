import FlowModel
import Logging
import NIOCore
import Schema
import Synchronization
import TLSEngine

/// What all sessions share: settings, certificates, the protocols, and where finished flows go.
package final class Services: Sendable {
    /// As they are now: they may change while the proxy runs.
    package var present: PresentSettings { current.withLock { $0 } }
    package var settings: Settings { present.settings }
    package let logger: Logger
    package let contexts: TLSContexts
    package let leaves: LeafCache
    package let clientFacing: ClientFacingSettings
    package let upstream: UpstreamSettings
    package let protocols: [ProtocolLayer]
    /// Nil if HTTP/2 is not spoken.
    let multiplex: MultiplexerFactory?
    let openTunnel: TunnelOpener?
    package let recorder: any FlowRecorder
    /// Our own listening addresses, to which no request is forwarded.
    package let ownAddresses: OwnAddresses
    package let counters: Counters
    package let meters: ProxyMeters
    package let sessions = SessionRegistry()
    let pinned = PinnedHosts()
    package let flows: FlowRegistry
    /// Nil if no flow is intercepted by a filter.
    package var interception: Interception? { present.interception }
    private let current: Mutex<PresentSettings>
    /// Nil if no connection is passed through by its host.
    let passthrough: HostSelection?
    let admission: ClientAdmission
    /// Bytes of a body that are let through at most; nil for any number.
    package let bodySizeLimit: Int?
    package var bodies: BodyStore { present.bodies }
    /// Whether every flow must keep its bodies: to be recorded, stored, or looked at by the interception's filter.
    package var keepsContent: Bool { recordsContent || interception?.needsContent == true }
    /// Whether bodies are to be recorded or stored, for which none has to wait.
    package var recordsContent: Bool { recorder.wantsContent || present.storesContent }

    package init(
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
        current = Mutex(PresentSettings(settings, interception(settings)))
        options.observe { [weak self] settings in
            let present = PresentSettings(settings, interception(settings))
            self?.current.withLock { $0 = present }
        }
    }
}

/// Takes each flow once, when it has ended. Called on the flow's loop.
package protocol FlowRecorder: Sendable {
    func record(_ flow: AnyFlow, sizes: BodySizes)
    /// Whether flows must keep their bodies and messages for it.
    var wantsContent: Bool { get }
    /// Takes a message of a flow that lives, as it was passed on or dropped: the only one in the state that it is given.
    func recordMessage(of flow: AnyFlow)
    var wantsMessages: Bool { get }
}

extension FlowRecorder {
    package func recordMessage(of flow: AnyFlow) {}
    package var wantsMessages: Bool { false }
}

/// How many bytes of an HTTP flow's bodies went each way, whether or not the flow kept them.
package struct BodySizes: Sendable {
    package var request = 0
    package var response = 0
    package init() {}
}

/// What a protocol folder provides: the program lists the protocols once, in order of preference.
package struct ProtocolLayer: Sendable {
    /// As the `next_layer` event names it.
    package let name: String
    package let claims: @Sendable (Detection.Verdict) -> Bool
    /// Takes over the client's side of the session; the bytes were read before the decision.
    package let start: @Sendable (isolated Session, ByteBuffer) -> Void

    package init(
        name: String, claims: @escaping @Sendable (Detection.Verdict) -> Bool,
        start: @escaping @Sendable (isolated Session, ByteBuffer) -> Void
    ) {
        self.name = name
        self.claims = claims
        self.start = start
    }
}
