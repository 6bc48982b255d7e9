import Observability

/// What is measured of addons and their workers.
public struct AddonInstruments: InstrumentTable {
    let events = Instrument(
        .counter, "weir_addon_events", ["addon", "hook", "outcome"],
        "Events that waited for an addon's answer, by what came of each attempt: `answered` without a change, `changed`, `killed`, `cancelled` because nobody waited any more, or the cause of the failure."
    )
    let seconds = Instrument(
        .histogram, "weir_addon_event_seconds", ["addon", "hook"],
        "How long an event waited for the addon's answer or its failure.")
    let retries = Instrument(
        .counter, "weir_addon_retries", ["addon", "hook"], "Events that were sent once more because the worker had died.")
    let poisonings = Instrument(
        .counter, "weir_addon_poison_events", ["addon", "hook"], "Events that ended two workers and were not sent again.")
    let rejections = Instrument(
        .counter, "weir_addon_rejected_changes", ["addon", "hook", "kind"],
        "Answers that asked for a state that is refused, by the refusal's word.")
    let violations = Instrument(
        .counter, "weir_addon_violations", ["addon", "kind"],
        "What addons tried that they may not: to `change` a path, to move a `hidden` value, to make a `call`.")
    let discarded = Instrument(
        .counter, "weir_addon_discarded_replies", ["addon", "kind"],
        "Answers that no event took: `late` behind the event's end, `duplicate` to one that was answered, `unknown` to none."
    )
    let notifications = Instrument(
        .counter, "weir_addon_notifications", ["addon", "outcome"],
        "Events that an addon only observes, and other notifications: `sent`, or `dropped` because the worker did not keep up.")
    let badLines = Instrument(
        .counter, "weir_addon_bad_lines", ["addon"], "Lines that ended a worker's connection because they are no messages.")
    let missedPings = Instrument(
        .counter, "weir_addon_missed_pings", ["addon"], "Questions whether it lives that a worker did not answer in time.")
    let bytes = Instrument(
        .counter, "weir_addon_bytes", ["addon", "direction"], "Bytes received from and sent to the addon's workers.")
    let droppedLogLines = Instrument(
        .counter, "weir_addon_log_lines_dropped", ["addon"], "Lines of a worker that did not reach the log: there were too many.")
    let restarts = Instrument(
        .counter, "weir_addon_restarts", ["addon"], "Starts of a worker after another one, whatever ended that.")
    let workers = Instrument(
        .gauge, "weir_addon_workers", ["addon", "state"], "The addon's workers: `up`, and those that are not.")
    let up = Instrument(.gauge, "weir_addon_up", ["addon"], "1 if a worker of the addon takes events, else 0.")
    let breaker = Instrument(
        .gauge, "weir_addon_breaker", ["addon", "state"],
        "1 for the state that the addon's breaker is in, the worst of its workers: `closed`, `half_open`, `open`, or `final` after exit status 78."
    )
    let generation = Instrument(.gauge, "weir_addon_generation", ["addon"], "The generation that takes new flows, from 1.")
    let inFlight = Instrument(.gauge, "weir_addon_in_flight", ["addon"], "Events that the workers have and have not answered.")
    let queued = Instrument(
        .gauge, "weir_addon_queued", ["addon"], "Events that wait because the workers have as many as they may.")
    let metricsDropped = Instrument(
        .counter, "weir_addon_metrics_dropped", "Entries of `metrics.add` that could not be counted.")

    public static let table = AddonInstruments()
}
