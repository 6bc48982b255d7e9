import FlowModel
import ProxyKernel
import Schema

/// The name and password of a SOCKS client, and whether they let it in.
public struct SOCKSAuthEvent: HookPayload {
    public var client: Frozen<Client>
    public var username: String
    public var password: String
    public var isValid: Bool

    public init(client: Frozen<Client>, username: String, password: String, isValid: Bool) {
        self.client = client
        self.username = username
        self.password = password
        self.isValid = isValid
    }

    public var anyClient: Client? { client.value }

    public static let name = "SOCKSAuthEvent"
    public static let doc = "The name and password of a SOCKS client."
    public static let blank = SOCKSAuthEvent(client: Frozen(.blank), username: "", password: "", isValid: false)
    public static let fields: [Field<SOCKSAuthEvent>] = [
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("username", \.username, .readOnly, "The name that it gave."),
        Field("password", \.password, .readOnly, "The password that it gave."),
        Field("valid", \.isValid, "Whether it is let in: what `proxyauth` says, true without that option. May be changed."),
    ]
}

/// The events of SOCKS.
public struct SOCKSHooks: HookTable {
    public let auth = Hook<SOCKSAuthEvent>(
        "socks5_auth", "A SOCKS client has given a name and a password. Setting `valid` decides whether it is let in.")

    public init() {}
    public static let table = SOCKSHooks()
}
