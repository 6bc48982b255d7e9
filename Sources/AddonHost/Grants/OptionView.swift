import ProxyKernel
import Schema

/// The options as an addon is shown them: those that are secret have their defaults' values for all that are not trusted.
struct OptionView {
    let seesSecrets: Bool
    let options: [any AnyOption]

    init(of grants: Grants, _ store: OptionStore) {
        seesSecrets = grants.seesSecrets
        options = store.options
    }

    func shown(_ values: JSONObject) -> JSONObject {
        guard !seesSecrets else { return values }
        var shown = values
        for option in options where option.isSecret && shown[option.name] != nil { shown[option.name] = option.defaultJSON }
        return shown
    }

    func shown(_ event: ConfigureEvent) -> ConfigureEvent {
        ConfigureEvent(options: event.options.object.map { .object(shown($0)) } ?? event.options, updated: event.updated)
    }

    /// The first of the names whose option is none of the worker's business.
    func hidden(among names: [String]) -> String? {
        seesSecrets ? nil : names.first { name in options.contains { $0.name == name && $0.isSecret } }
    }
}
