import Schema

/// The settings at one moment, with those looked up that every request asks for. A change makes a new one.
public final class PresentSettings: Sendable {
    public let settings: Settings
    /// Nil if no flow is intercepted by a filter.
    public let interception: Interception?
    public let bodies: BodyStore
    public let http2: Bool
    public let http2Priority: Bool
    public let keepsHostHeader: Bool
    /// Clients leave connections to servers to each other.
    public let sharesServers: Bool
    /// Whether bodies are to be recorded or stored, for which none has to wait.
    public let recordsContent: Bool
    /// Whether every flow must keep its bodies: to be recorded, stored, or looked at by the interception's filter.
    public let keepsContent: Bool
    public let storesStreamedBodies: Bool
    /// Bytes above which a body goes as it comes; all of them may be held if nil.
    public let streamedAbove: Int?

    init(_ settings: Settings, _ interception: Interception?, recorderWantsContent: Bool) {
        let options = ProxyOptions.table
        self.settings = settings
        self.interception = interception
        bodies = BodyStore(settings)
        http2 = settings[options.http2]
        http2Priority = settings[options.http2Priority]
        keepsHostHeader = settings[options.keepHostHeader]
        sharesServers = settings[options.serverReuse] == "all"
        recordsContent = recorderWantsContent || settings[options.storeContent]
        keepsContent = recordsContent || interception?.needsContent == true
        storesStreamedBodies = settings[options.storeStreamedBodies]
        streamedAbove = settings[options.streamLargeBodies]?.bytes
    }
}
