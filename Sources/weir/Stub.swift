import FlowModel
import Logging
import NIOCore
import ProxyKernel
import Schema

struct AddonOptions: OptionTable { init() {}; static let table = AddonOptions() }
struct AddonSpec { static func parse(_ t: String) throws -> AddonSpec { AddonSpec() } }
final class NoHooks: HookPort {
    func hasListeners(_ hook: any AnyHook) -> Bool { false }
    func needsContent(_ hook: any AnyHook, of flow: HTTPFlow) -> Bool { false }
    func fire<P: HookPayload>(_ hook: Hook<P>, _ p: P, waiter: Waiter?, isolation: isolated (any Actor)?)
        async throws(ProxyFailure) -> HookOutcome<P>
    { HookOutcome() }
    func notify<P: HookPayload>(_ hook: Hook<P>, _ p: P) {}
}
final class AddonHost: Sendable {
    init(loops: [any EventLoop], hooks: [any AnyHook], options: [any AnyOption], settings: Settings, logger: Logger) {}
    func start(_ a: [AddonSpec], attachedSocket: String?) async throws {}
    func port(on loop: any EventLoop) -> any HookPort { NoHooks() }
    func running() async {}
    func shutdown() async {}
    func logged(_ e: LogEntry) {}
}
