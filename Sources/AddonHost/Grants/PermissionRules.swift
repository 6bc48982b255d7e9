import AddonWire

/// The calls that an addon is granted when it asks for them, as `addon_permissions` says it.
struct PermissionRules: Sendable {
    /// Calls that govern the core and other addons, which have to be granted by name, but to who runs the proxy.
    private static let governing = ["addon.", "core."]
    /// Those of them that a trusted addon, which may send us any signal, is granted all the same.
    private static let ownMeans = ["core.shutdown"]
    /// What an untrusted addon is granted if nothing else is said.
    private static let harmless = [BodyCalls.read.method, MetricCalls.add.method]
    /// Changes what every addon and the core do, so that it could have shown what is hidden from it.
    private static let settingOptions = OptionCalls.set.method

    private let grantsAll: Bool
    private let grantsStandard: Bool
    private let names: Set<String>
    private let isUntrusted: Bool
    private let isTrusted: Bool
    private let isOperator: Bool
    private let hasHidden: Bool

    /// Throws with a word that is no permission.
    init(_ grants: Grants.Words, hasHidden: Bool) throws(AddonFailure) {
        let words = grants.permissions
        for word in words where !["all", "standard"].contains(word) {
            guard CoreCall.named(word) != nil || Capability(rawValue: word) != nil else {
                throw AddonFailure("addon_permissions: expected all, standard or a call's name, found '\(word)'")
            }
        }
        grantsAll = words.contains("all")
        grantsStandard = words.contains("standard")
        names = Set(words)
        isUntrusted = grants.level == .untrusted
        isTrusted = grants.level == .trusted
        isOperator = grants.isOperator
        self.hasHidden = hasHidden
    }

    /// Whether it grants a call, or a capability that is not for every worker.
    func grants(_ name: String) -> Bool {
        if grantsAll || names.contains(name) { return true }
        guard grantsStandard else { return false }
        if isUntrusted { return Self.harmless.contains(name) }
        if hasHidden, name == Self.settingOptions { return false }
        return isOperator || isTrusted && Self.ownMeans.contains(name) || !Self.governing.contains { name.hasPrefix($0) }
    }
}
