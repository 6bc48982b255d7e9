import Glibc
import ProxyKernel
import Schema
import Systemd

/// What the program listens at: the descriptors that the service manager or a predecessor has handed to it, and those that it binds.
struct Inheritance {
    /// By the modes' places.
    let sockets: [[ListeningSocket]]
    /// Where workers attach themselves, if that was handed to us, and whether its file was made by a predecessor.
    let addons: (number: CInt, isOwn: Bool)?
    /// To the process whose place we take, if there is one.
    let predecessor: HandoverLine?

    /// The names of the socket for workers: one that the manager made, and one that a predecessor made at `--addon-socket`.
    static let addonsName = "addons", ownAddonsName = "addons-own"

    /// Nothing at all: for runs that serve nobody.
    init(_ environment: ServiceEnvironment) { (sockets, addons, predecessor) = ([], nil, nil) }

    /// Refuses descriptors that nobody wants.
    init(_ environment: ServiceEnvironment, _ modes: [ModeSpec], _ settings: Settings) throws(ListeningSockets.Failure) {
        var descriptors = environment.descriptors
        let line = environment.predecessor == nil ? nil : descriptors.take(named: HandoverLine.name)
        predecessor = line.map { HandoverLine($0) }
        let isLocal: (CInt) -> Bool = { DescriptorKind($0) == .local }
        let theirs = descriptors.take(named: Self.addonsName, where: isLocal)
        addons = (theirs ?? descriptors.take(named: Self.ownAddonsName, where: isLocal)).map { ($0, theirs == nil) }
        if let addons { _ = fcntl(addons.number, F_SETFL, fcntl(addons.number, F_GETFL) | O_NONBLOCK) }
        sockets = try ListeningSockets.open(modes, settings, &descriptors)
        try ListeningSockets.refuse(descriptors.rest, modes)
    }

    /// The path at which to listen, or whose file is to be taken away in the end.
    func addonPath(_ option: String?) -> String? { addons.map { $0.isOwn ? option : nil } ?? option }
}
