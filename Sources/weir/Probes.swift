import AddonHost
import Control
import NIOCore
import Observability
import ProxyKernel
import Schema

/// The address at which programs look at the proxy, if the options name one. Opened and closed by the program's own task.
final class Probes {
    private let address: ProbeAddress?
    private let sources: ProbeSources
    private let services: Services
    private let status: ProxyStatus
    private let loops: [any EventLoop]
    private var server: ProbeServer?
    private var watches: [RepeatedTask] = []

    init(_ settings: Settings, _ host: AddonHost, _ services: Services, _ status: ProxyStatus, _ loops: [any EventLoop]) {
        address = ProbeAddress(settings[ProbeOptions.table.listen])
        (self.services, self.status, self.loops) = (services, status, loops)
        let registry = services.meters.registry
        registry.declare(ProcessInstruments.table)
        sources = ProbeSources(
            registry: registry, loops: loops,
            measure: { loop in
                ProcessInstruments.table.record(in: registry, status)
                return host.measure(on: loop)
            }, families: { host.addonFamilies }, obstacles: { host.obstacles(on: $0) })
    }

    func open() async throws(ProbeServer.Failure) {
        guard server == nil, let address else { return }
        let server = try await ProbeServer.open(address, sources)
        self.server = server
        status.metrics = server.address.description
        services.logger.info("metrics at \(server.address)")
        watches = services.meters.watch(loops)
    }

    func close() async {
        for watch in watches { watch.cancel() }
        watches = []
        await server?.close()
        server = nil
    }
}
