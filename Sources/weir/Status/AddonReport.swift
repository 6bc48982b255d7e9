import Control
import FlowModel
import ProxyKernel
import Schema

/// What `weir addons` prints, from the result of `addon.list`.
struct AddonReport {
    private let result: JSONObject
    private var addons: [JSON] { result["addons"]?.array ?? [] }

    init(_ result: JSONObject) { self.result = result }

    var isWell: Bool { addons.allSatisfy { $0["state"]?.string == "up" } }
    var json: String { TextTable.line(.object(result)) }

    /// How many are in which state.
    var summary: String {
        guard !addons.isEmpty else { return "none" }
        let states = addons.map { $0["state"]?.string ?? "?" }
        var order: [String] = []
        for state in states where !order.contains(state) { order.append(state) }
        let poor = addons.filter { $0["state"]?.string != "up" }.map(Self.name)
        let names = poor.isEmpty ? "" : ": \(poor.joined(separator: ", "))"
        return order.map { state in "\(states.count { $0 == state }) \(state)" }.joined(separator: ", ") + names
    }

    var text: String {
        guard !addons.isEmpty else { return "no addons\n" }
        let head = ["NAME", "LEVEL", "STATE", "GEN", "PID", "UP", "RESTARTS", "IN FLIGHT", "QUEUED", "LATE", "P50", "P99"]
        return TextTable.text([head] + addons.flatMap(rows)) + "\n" + grants + chains
    }

    private static func name(_ addon: JSON) -> String { addon["name"]?.string ?? "?" }

    /// A row for the addon, and one for each worker if it has more than one.
    private func rows(_ addon: JSON) -> [[String]] {
        let workers = addon["workers"]?.array ?? []
        func sum(_ key: String) -> String { "\(workers.reduce(0) { $0 + ($1[key]?.int ?? 0) })" }
        let seconds = addon["event_seconds"]
        let latency = ["p50", "p99"].map { seconds?[$0]?.double.map(TextTable.milliseconds) ?? "-" }
        let only = workers.count == 1 ? workers[0] : nil
        let row =
            [
                Self.name(addon), Self.level(addon), addon["state"]?.string ?? "?",
                addon["generation"]?.int.map { "\($0)" } ?? "-",
                only.map(Self.pid) ?? "\(workers.count) workers", only.map(Self.age) ?? "-",
            ] + ["restarts", "in_flight", "queued", "late"].map(sum) + latency
        guard workers.count > 1 else { return [row] }
        return [row]
            + workers.map { worker in
                ["  " + (worker["id"]?.string ?? "?"), "", worker["state"]?.string ?? "?"]
                    + [worker["generation"]?.int.map { "\($0)" } ?? "-", Self.pid(worker), Self.age(worker)]
                    + ["restarts", "in_flight", "queued", "late"].map { "\(worker[$0]?.int ?? 0)" } + ["", ""]
            }
    }

    private static func pid(_ worker: JSON) -> String { worker["pid"]?.int.map { "\($0)" } ?? "-" }

    private static func age(_ worker: JSON) -> String {
        guard worker["state"]?.string == "up", let since = worker["since"]?.double else { return "-" }
        return TextTable.duration(max(0, WallClock.now - since))
    }

    /// The level with the layers that were really got, as the cage reported them.
    private static func level(_ addon: JSON) -> String {
        guard let level = addon["level"]?.string else { return "-" }
        var layers: [String] = []
        for (name, value) in (addon["layers"]?.object?.members ?? []).map({ ($0.key, $0.value) }) {
            switch value {
            case .bool(true): layers.append(name)
            case .int(let number) where number > 0: layers.append("\(name) \(number)")
            case .array(let values) where !values.isEmpty: layers.append(name)
            case .object: layers.append(name)
            default: break
            }
        }
        return layers.isEmpty ? level : "\(level) (\(layers.joined(separator: ", ")))"
    }

    private var grants: String {
        var rows: [[String]] = []
        for addon in addons {
            var name = Self.name(addon)
            func add(_ what: String) {
                rows.append([name, what])
                name = ""
            }
            for hook in addon["hooks"]?.array ?? [] {
                add(Self.hook(hook))
            }
            let workers = addon["workers"]?.array ?? []
            let calls = workers.lazy.compactMap { $0["permissions"]?.array }.first { !$0.isEmpty } ?? []
            if !calls.isEmpty { add("calls " + calls.compactMap(\.string).joined(separator: " ")) }
            for (name, standard) in [("filter", ""), ("reads", "all"), ("changes", ""), ("hidden", "")] {
                let value = addon["grants"]?[name]
                let words = value?.string.map { [$0] } ?? value?.array?.compactMap(\.string) ?? []
                let text = words.joined(separator: " ")
                if text != standard { add("\(name) \(text)") }
            }
        }
        return rows.isEmpty ? "" : "granted:\n" + TextTable.text(rows, margin: "  ")
    }

    private static func hook(_ hook: JSON) -> String {
        var words = [hook["name"]?.string ?? "?"]
        if hook["observe"]?.bool == true { words.append("observe") }
        words.append("on_failure=\(hook["on_failure"]?.string ?? "?")")
        if let filter = hook["filter"]?.string { words.append("filter=\(filter)") }
        return words.joined(separator: " ")
    }

    private var chains: String {
        let members = result["chains"]?.object?.members ?? []
        guard !members.isEmpty else { return "" }
        let rows = members.map { [$0.key, ($0.value.array ?? []).compactMap(\.string).joined(separator: " > ")] }
        return "order:\n" + TextTable.text(rows, margin: "  ")
    }
}
