import Observability

/// The page of what is measured.
extension ProtocolPages {
    static func metricsPage(_ instruments: [Instrument]) -> String {
        var text =
            "# Metrics\n\nGenerated from the tables in the source (`scripts/protocol`). They are to be had from `/metrics` at the address that the option `metrics_listen` names.\n\n"
        text +=
            "Histograms are in seconds and have the bounds \(Distribution.bounds.map(\.description).joined(separator: ", ")). What addons count with `metrics.add` stands there as counters under their own names, with `addon_` before them, `_total` behind them, and `_` for every character that Prometheus does not allow.\n\n"
        text += "| metric | type | labels | meaning |\n|---|---|---|---|\n"
        for instrument in instruments.sorted(by: { $0.name < $1.name }) {
            let labels = instrument.labels.map { "`\($0)`" }.joined(separator: ", ")
            text += "| `\(instrument.sampleName)` | \(instrument.kind.rawValue) | \(labels) | \(instrument.doc) |\n"
        }
        return text
    }
}
