import NIOCore
import ProxyKernel
import Schema

extension AddonHost {
    /// Changes options at the operator's wish, all or none. Returns when they hold; throws what is wrong with a value, or a worker's
    /// refusal.
    public func change(_ values: JSONObject) async throws(AddonFailure) {
        do {
            try await reconfiguration.change(values, of: self).get()
        } catch {
            throw AddonFailure((error as? CallFailure)?.message ?? "\(error)")
        }
    }
}
