import Schema

extension Grants {
    /// The words of the options, as the operator gave them for one addon.
    struct Words: Sendable {
        var level = AddonLevel.confined
        /// Of one that our own user or root attached.
        var isOperator = false
        var hooks = ["all"]
        var filter = ""
        var reads = ["all"]
        var changes: [String] = []
        var hidden = ["standard"]
        var permissions = ["standard"]
    }
}

extension Grants.Words {
    /// Of settings in which the addon's own are laid over those of all.
    init(_ settings: Settings, isOperator: Bool) {
        let options = AddonOptions.table
        self.isOperator = isOperator
        level = AddonLevel(rawValue: settings[options.level]) ?? .untrusted
        hooks = settings[options.hooks]
        filter = settings[options.filter]
        reads = settings[options.reads]
        changes = settings[options.changes]
        hidden = settings[options.hidden]
        permissions = settings[options.permissions]
    }
}
