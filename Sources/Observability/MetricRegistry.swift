import CoreMetrics
import Synchronization

/// Everything that is measured in the process: makes the instruments of swift-metrics, and reads them. From any thread.
///
/// Instruments of one name and the same labels are one. A handle is to be made once and kept: making it takes a lock, using it does not.
public final class MetricRegistry: Sendable {
    fileprivate enum Cell: Sendable {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)

        var value: MetricFamily.Value {
            switch self {
            case .counter(let cell): .number(cell.value)
            case .gauge(let cell): .number(cell.value)
            case .histogram(let cell): .distribution(cell.distribution)
            }
        }
    }

    private struct Family {
        let instrument: Instrument
        /// By the labels' values.
        var cells: [[String]: Cell] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    public init() {}

    /// Takes in what a table says of its instruments; before their handles are made.
    public func declare(_ table: any InstrumentTable) {
        families.withLock { families in
            for instrument in table.instruments where families[instrument.name] == nil {
                families[instrument.name] = Family(instrument: instrument)
            }
        }
    }

    // MARK: Handles

    public func counter(_ instrument: Instrument, _ values: String...) -> Counter {
        Counter(label: instrument.name, dimensions: Self.labels(instrument, values), factory: self)
    }

    public func gauge(_ instrument: Instrument, _ values: String...) -> Meter {
        Meter(label: instrument.name, dimensions: Self.labels(instrument, values), factory: self)
    }

    public func timer(_ instrument: Instrument, _ values: String...) -> Timer {
        Timer(label: instrument.name, dimensions: Self.labels(instrument, values), factory: self)
    }

    /// Sets what somebody else has counted: a number that is looked at when it is asked for.
    public func record(_ instrument: Instrument, _ values: String..., is number: Double) {
        record(instrument, values, is: number)
    }

    public func record(_ instrument: Instrument, _ values: [String], is number: Double) {
        let cell = cell(instrument, values, instrument.labels) { .gauge(GaugeCell()) }
        if case .gauge(let gauge) = cell { gauge.set(number) }
    }

    private static func labels(_ instrument: Instrument, _ values: [String]) -> [(String, String)] {
        Array(zip(instrument.labels, values))
    }

    // MARK: Reading

    /// Every family with its values.
    public var snapshot: [MetricFamily] {
        families.withLock { families in
            families.values.map { family in
                MetricFamily(
                    family.instrument,
                    family.cells.map { values, cell in
                        MetricFamily.Sample(zip(family.instrument.labels, values).map { (name: $0, value: $1) }, cell.value)
                    })
            }
        }
    }

    /// The value of one instrument; nil if nobody has made it.
    public func value(_ instrument: Instrument, _ values: String...) -> MetricFamily.Value? {
        families.withLock { $0[instrument.name]?.cells[values]?.value }
    }

    /// The distributions of a histogram's samples whose first label has that value, together.
    public func distribution(_ instrument: Instrument, first value: String) -> Distribution {
        families.withLock { families in
            var sum = Distribution()
            for (values, cell) in families[instrument.name]?.cells ?? [:] where values.first == value {
                if case .histogram(let histogram) = cell { sum = sum + histogram.distribution }
            }
            return sum
        }
    }

    /// The sum of a family's samples whose labels begin with those values.
    public func sum(_ instrument: Instrument, _ values: String...) -> Int {
        families.withLock { families in
            var sum = 0.0
            for (found, cell) in families[instrument.name]?.cells ?? [:] where found.starts(with: values) {
                if case .number(let number) = cell.value { sum += number }
            }
            return Int(sum)
        }
    }

    /// Takes out every sample that has the label with that value: what it tells of is gone. Its handles go on without being read.
    public func forget(_ label: String, _ value: String) {
        families.withLock { families in
            for (name, family) in families {
                guard let index = family.instrument.labels.firstIndex(of: label) else { continue }
                families[name]?.cells = family.cells.filter { $0.key[index] != value }
            }
        }
    }

    // MARK: Making

    /// The cell of an instrument, made if there is none. One that no table declares is taken in as what it is first used for.
    fileprivate func cell(
        _ instrument: Instrument, _ values: [String], _ labels: [String], _ make: () -> Cell
    ) -> Cell {
        families.withLock { families in
            var family = families[instrument.name] ?? Family(instrument: instrument)
            // One place for each label that was declared; what is missing is empty.
            let given = Dictionary(zip(labels, values)) { first, _ in first }
            let key = family.instrument.labels.map { given[$0] ?? "" }
            if let cell = family.cells[key] { return cell }
            let cell = make()
            family.cells[key] = cell
            families[instrument.name] = family
            return cell
        }
    }
}

extension MetricRegistry: MetricsFactory {
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        if case .counter(let cell) = cell(.counter, label, dimensions, { .counter(CounterCell()) }) { return cell }
        return CounterCell()
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        if case .gauge(let cell) = cell(.gauge, label, dimensions, { .gauge(GaugeCell()) }) { return cell }
        return GaugeCell()
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate {
            if case .histogram(let cell) = cell(.histogram, label, dimensions, { .histogram(HistogramCell()) }) { return cell }
            return HistogramCell()
        }
        if case .gauge(let cell) = cell(.gauge, label, dimensions, { .gauge(GaugeCell()) }) { return cell }
        return GaugeCell()
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        if case .histogram(let cell) = cell(.histogram, label, dimensions, { .histogram(HistogramCell()) }) { return cell }
        return HistogramCell()
    }

    private func cell(_ kind: Instrument.Kind, _ label: String, _ dimensions: [(String, String)], _ make: () -> Cell) -> Cell {
        let names = dimensions.map { MetricName.label($0.0) }
        return cell(Instrument(kind, MetricName.metric(label), names, ""), dimensions.map(\.1), names, make)
    }

    // A handle's end is not its samples' end: see `forget`.
    public func destroyCounter(_: any CounterHandler) {}
    public func destroyMeter(_: any MeterHandler) {}
    public func destroyRecorder(_: any RecorderHandler) {}
    public func destroyTimer(_: any TimerHandler) {}
}
