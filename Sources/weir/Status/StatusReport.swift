import Control
import FlowModel
import ProxyKernel
import Schema

/// What `weir status` prints.
struct StatusReport {
    private let status: JSONObject
    private let addons: AddonReport

    init(_ status: JSONObject, _ addons: JSONObject) {
        self.status = status
        self.addons = AddonReport(addons)
    }

    var isWell: Bool { status["ready"]?.bool == true && addons.isWell }

    var json: String {
        var object = status
        object["well"] = .bool(isWell)
        return TextTable.line(.object(object))
    }

    var text: String {
        let flows = status["flows"]
        func count(_ json: JSON?) -> String { json?.int.map { "\($0)" } ?? "?" }
        let age = max(0, WallClock.now - (status["since"]?.double ?? WallClock.now))
        var rows = [
            ["weir", "\(status["version"]?.string ?? "?"), process \(count(status["pid"])), \(status["phase"]?.string ?? "?")"],
            ["up", TextTable.duration(age)],
        ]
        for place in status["listening"]?.array ?? [] {
            rows.append([
                rows.last?[0] == "listening" ? "" : "listening",
                "\(place["mode"]?.string ?? "?") at \(place["address"]?.string ?? "?")",
            ])
        }
        if let metrics = status["metrics"]?.string { rows.append(["metrics", metrics]) }
        rows.append(["clients", count(status["clients"])])
        rows.append([
            "flows",
            "\(count(flows?["live"])) live, \(count(flows?["held"])) of them held, \(count(flows?["ended"])) ended in the store",
        ])
        rows.append(["addons", addons.summary])
        for obstacle in status["obstacles"]?.array ?? [] { rows.append(["not ready", obstacle.string ?? "?"]) }
        return TextTable.text(rows)
    }
}
