import Schema

/// The settings at one moment, with those looked up that every request asks for. A change makes a new one.
package final class PresentSettings: Sendable {
    package let settings: Settings
    /// Nil if no flow is intercepted by a filter.
    package let interception: Interception?
    package let bodies: BodyStore
    package let http2: Bool
    package let http2Priority: Bool
    package let keepsHostHeader: Bool
    /// Clients leave connections to servers to each other.
    package let sharesServers: Bool
    package let storesContent: Bool
    package let storesStreamedBodies: Bool
    /// Bytes above which a body goes as it comes; all of them may be held if nil.
    package let streamedAbove: Int?

    init(_ settings: Settings, _ interception: Interception?) {
        let options = ProxyOptions.table
        self.settings = settings
        self.interception = interception
        bodies = BodyStore(settings)
        http2 = settings[options.http2]
        http2Priority = settings[options.http2Priority]
        keepsHostHeader = settings[options.keepHostHeader]
        sharesServers = settings[options.serverReuse] == "all"
        storesContent = settings[options.storeContent]
        storesStreamedBodies = settings[options.storeStreamedBodies]
        streamedAbove = settings[options.streamLargeBodies]?.bytes
    }
}
