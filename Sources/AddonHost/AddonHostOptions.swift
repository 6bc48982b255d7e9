import Schema

/// Which addons there are.
package struct AddonHostOptions: OptionTable {
    package let scripts = Option<[String]>("scripts", [], "The addons, as `--addon` takes them.")
    package let socketUIDs = Option<[String]>(
        "addon_socket_uids", [], "Numeric users, besides root and our own, whose processes may attach at `--addon-socket`.")
    package let maximumAttached = Option<Int>(
        "addon_max_attached", 64, "Workers that are attached at a time; more are refused.")

    package init() {}
    package static let table = AddonHostOptions()
}

/// What is given for one addon only, as `addons.NAME.run`.
package struct AddonEntryOptions: OptionTable {
    package let run = Option<String>("run", "", "The addon, as `--addon` takes it, or `attach`: one that attaches as `user`.")
    package let user = Option<Int>("user", -1, "The numeric user whose attaching processes are this addon.")

    package init() {}
    package static let table = AddonEntryOptions()
}
