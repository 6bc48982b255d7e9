import CoreMetrics
import Observability
import Testing

@Suite struct ExpositionTests {
    private struct Table: InstrumentTable {
        let requests = Instrument(.counter, "requests", ["kind"], "How \"many\"\nrequests, and a \\.")
        let open = Instrument(.gauge, "open", "What is open.")
        let seconds = Instrument(.histogram, "seconds", ["hook"], "How long.")
        let build = Instrument(.info, "build", ["version"], "Which.")
    }

    private let table = Table()

    private func text(_ form: Exposition, _ registry: MetricRegistry) -> String {
        String(decoding: form.write(registry.snapshot), as: UTF8.self)
    }

    @Test("help and label values are escaped, each as its format says")
    func escaping() {
        let registry = MetricRegistry()
        registry.declare(table)
        registry.counter(table.requests, "a\"b\\c\nd").increment(by: 3)
        #expect(
            text(.text, registry) == """
                # HELP requests_total How "many"\\nrequests, and a \\\\.
                # TYPE requests_total counter
                requests_total{kind="a\\"b\\\\c\\nd"} 3

                """)
        #expect(
            text(.openMetrics, registry) == """
                # HELP requests How \\"many\\"\\nrequests, and a \\\\.
                # TYPE requests counter
                requests_total{kind="a\\"b\\\\c\\nd"} 3
                # EOF

                """)
    }

    @Test("a histogram's buckets add up, and its bounds are written as the format wants them")
    func histogram() {
        let registry = MetricRegistry()
        registry.declare(table)
        let timer = registry.timer(table.seconds, "request")
        for nanoseconds: Int64 in [100_000, 100_001, 2_000_000_000, 61_000_000_000] { timer.recordNanoseconds(nanoseconds) }
        let lines = text(.text, registry).split(separator: "\n").map(String.init)
        #expect(lines.count == 2 + Distribution.bounds.count + 3)
        #expect(lines[2] == #"seconds_bucket{hook="request",le="0.0001"} 1"#)
        #expect(lines[3] == #"seconds_bucket{hook="request",le="0.0002"} 2"#)
        #expect(lines.contains(#"seconds_bucket{hook="request",le="1"} 2"#))
        #expect(lines.contains(#"seconds_bucket{hook="request",le="60"} 3"#))
        #expect(
            lines.suffix(3).map { $0 } == [
                #"seconds_bucket{hook="request",le="+Inf"} 4"#, #"seconds_sum{hook="request"} 63.000200001"#,
                #"seconds_count{hook="request"} 4"#,
            ])
        #expect(text(.openMetrics, registry).contains(#"le="60.0"} 3"#))
    }

    @Test("info is a gauge in the older format, and a family without samples is left out")
    func info() {
        let registry = MetricRegistry()
        registry.declare(table)
        registry.record(table.build, "1", is: 1)
        #expect(text(.text, registry) == "# HELP build_info Which.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n")
        #expect(text(.openMetrics, registry).contains("# TYPE build info\nbuild_info{version=\"1\"} 1\n"))
    }

    @Test(
        "numbers are written shortest",
        arguments: [
            (1.0, "1"), (0.5, "0.5"), (-2, "-2"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (1e18, "1e+18"),
        ])
    func numbers(_ value: Double, _ expected: String) {
        let registry = MetricRegistry()
        registry.declare(table)
        registry.record(table.open, is: value)
        #expect(text(.text, registry).hasSuffix("open \(expected)\n"))
    }

    @Test(
        "names that Prometheus does not allow are made so",
        arguments: [
            ("a.b", "a_b", "a_b"), ("a:b", "a:b", "a_b"), ("7up", "_7up", "_7up"), ("", "_", "_"),
            ("__name__", "__name__", "x__name__"),
            ("é", "__", "x__"),
        ])
    func names(_ given: String, _ metric: String, _ label: String) {
        #expect(MetricName.metric(given) == metric)
        #expect(MetricName.label(given) == label)
    }
}

@Suite struct MetricRegistryTests {
    private struct Table: InstrumentTable {
        let events = Instrument(.counter, "events", ["addon", "hook"], "Events.")
        let open = Instrument(.gauge, "open", "Open.")
        let seconds = Instrument(.histogram, "seconds", ["addon", "hook"], "Seconds.")
    }

    private let table = Table()
    private let registry = MetricRegistry()

    init() { registry.declare(table) }

    @Test("handles of one name and the same labels are one")
    func sharing() {
        registry.counter(table.events, "a", "request").increment()
        registry.counter(table.events, "a", "request").increment(by: 2)
        registry.counter(table.events, "b", "request").increment()
        #expect(registry.value(table.events, "a", "request") == .number(3))
        #expect(registry.sum(table.events, "a") == 3)
        #expect(registry.sum(table.events) == 4)
    }

    @Test("a gauge rises and falls")
    func gauge() {
        let gauge = registry.gauge(table.open)
        gauge.increment(by: 3)
        gauge.decrement()
        #expect(registry.value(table.open) == .number(2))
        gauge.set(7.5)
        #expect(registry.value(table.open) == .number(7.5))
    }

    @Test("what is forgotten is not shown, and its handle does no harm")
    func forgetting() {
        let gone = registry.counter(table.events, "a", "request")
        registry.counter(table.events, "b", "request").increment()
        registry.timer(table.seconds, "a", "request").recordNanoseconds(1)
        registry.forget("addon", "a")
        gone.increment()
        #expect(registry.value(table.events, "a", "request") == nil)
        #expect(registry.distribution(table.seconds, first: "a").count == 0)
        #expect(registry.sum(table.events) == 1)
    }

    @Test("an instrument of another's making is taken in under a name that is allowed, with the kind of its first use")
    func undeclared() {
        let counter = Counter(label: "other.lib", dimensions: [("a-b", "1")], factory: registry)
        counter.increment()
        Meter(label: "other.lib", dimensions: [("a-b", "1")], factory: registry).set(5)
        #expect(registry.value(Instrument(.counter, "other_lib", ["a_b"], ""), "1") == .number(1))
    }

    @Test("a recorder that aggregates is a histogram, another one a gauge")
    func recorders() {
        Recorder(label: "seconds", dimensions: [("addon", "a"), ("hook", "h")], aggregate: true, factory: registry).record(0.5)
        Recorder(label: "open", dimensions: [], aggregate: false, factory: registry).record(4)
        #expect(registry.distribution(table.seconds, first: "a").count == 1)
        #expect(registry.value(table.open) == .number(4))
    }
}

@Suite struct DistributionTests {
    @Test("a quantile lies within its bucket, and of what is above all bounds no more is known")
    func quantiles() {
        var distribution = Distribution()
        #expect(distribution.quantile(0.5) == nil)
        distribution.counts[3] = 98
        distribution.counts[9] = 2
        #expect(distribution.quantile(0.5).map { (0.0005...0.001).contains($0) } == true)
        #expect(distribution.quantile(0.99).map { (0.05...0.1).contains($0) } == true)
        distribution.counts[Distribution.bounds.count] = 1000
        #expect(distribution.quantile(0.99) == 60)
    }
}
