/// What systemd calls an addon that it starts at the first connection, by the path of its socket (`scripts/systemd/weir-addon@.socket`).
struct ActivatedUnits {
    private static let folder = "/run/weir-addons/", suffix = ".sock"

    private let name: String

    /// Nil for any other path.
    init?(socket path: String) {
        guard path.hasPrefix(Self.folder), path.hasSuffix(Self.suffix) else { return nil }
        name = String(path.dropFirst(Self.folder.count).dropLast(Self.suffix.count))
        guard !name.isEmpty, !name.contains("/") else { return nil }
    }

    /// The command that brings back an addon of which systemd has had enough: it has failed too often, and its socket is closed.
    var cure: String {
        let (service, socket) = ("weir-addon@\(name).service", "weir-addon@\(name).socket")
        return "systemctl reset-failed \(service) \(socket) && systemctl start \(socket)"
    }
}
