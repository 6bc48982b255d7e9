import FlowModel
import ProxyKernel
import Schema

/// The name and password of a SOCKS client, and whether they let it in.
package struct SOCKSAuthEvent: HookPayload {
    package var client: Frozen<Client>
    package var username: String
    package var password: String
    package var isValid: Bool

    package init(client: Frozen<Client>, username: String, password: String, isValid: Bool) {
        self.client = client
        self.username = username
        self.password = password
        self.isValid = isValid
    }

    package var anyClient: Client? { client.value }

    package static let name = "SOCKSAuthEvent"
    package static let doc = "The name and password of a SOCKS client."
    package static let blank = SOCKSAuthEvent(client: Frozen(.blank), username: "", password: "", isValid: false)
    package static let fields: [Field<SOCKSAuthEvent>] = [
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("username", \.username, .readOnly, "The name that it gave."),
        Field("password", \.password, .readOnly, "The password that it gave."),
        Field("valid", \.isValid, "Whether it is let in: what `proxyauth` says, true without that option. May be changed."),
    ]
}

/// The events of SOCKS.
package struct SOCKSHooks: HookTable {
    package let auth = Hook<SOCKSAuthEvent>(
        "socks5_auth", "A SOCKS client has given a name and a password. Setting `valid` decides whether it is let in.")

    package init() {}
    package static let table = SOCKSHooks()
}
