import Schema

/// Which addons there are.
public struct AddonHostOptions: OptionTable {
    public let scripts = Option<[String]>("scripts", [], "The addons, as `--addon` takes them.")
    public let socketUIDs = Option<[String]>(
        "addon_socket_uids", [], "Numeric users, besides root and our own, whose processes may attach at `--addon-socket`.")
    public let maximumAttached = Option<Int>(
        "addon_max_attached", 64, "Workers that are attached at a time; more are refused.")

    public init() {}
    public static let table = AddonHostOptions()
}

/// What is given for one addon only, as `addons.NAME.run`.
public struct AddonEntryOptions: OptionTable {
    public let run = Option<String>("run", "", "The addon, as `--addon` takes it, or `attach`: one that attaches as `user`.")
    public let user = Option<Int>("user", -1, "The numeric user whose attaching processes are this addon.")

    public init() {}
    public static let table = AddonEntryOptions()
}
