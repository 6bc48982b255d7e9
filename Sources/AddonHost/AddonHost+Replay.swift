import AddonWire
import NIOCore
import ProxyKernel
import Schema

/// An event that was kept because processes had ended over it.
package struct Transcript: Sendable {
    package let addon: String
    /// How it was started; nil if it attached itself or was connected to.
    package let form: AddonSpec.Form?
    let method: String
    let params: JSONObject

    /// Reads a file's two lines, or says what is wrong with them.
    package init(_ bytes: [UInt8]) throws(AddonFailure) {
        let lines = bytes.split(separator: 0x0A)
        guard lines.count == 2 else { throw AddonFailure("expected two lines, found \(lines.count)") }
        guard let head = try? JSONReader().read(Array(lines[0])), head["weir"]?.string == "transcript",
            let name = head["addon"]?.string
        else { throw AddonFailure("the first line is not a transcript's") }
        guard let event = try? JSONReader().read(Array(lines[1])), let method = event["method"]?.string,
            let params = event["params"]?.object
        else { throw AddonFailure("the second line is no event") }
        addon = name
        let command = head["run"]?.array?.compactMap(\.string) ?? []
        form = command.isEmpty ? nil : .spawn(command, isStdio: head["stdio"]?.bool ?? false)
        self.method = method
        self.params = params
    }
}

extension AddonHost {
    /// Sends a kept event to the one addon that was launched and started, and gives its answer as JSON, or how it failed.
    package func replay(_ transcript: Transcript) async -> Result<JSON, AddonFailure> {
        guard let worker = workers.first else { return .failure(AddonFailure("there is no addon")) }
        let message = LinkMessage(transcript.method) { writer in
            for member in transcript.params.members {
                writer.key(member.key)
                writer.value(member.value)
            }
        }
        let answer = worker.loop.makePromise(of: JSON.self)
        worker.loop.execute {
            guard let link = worker.life?.link, worker.life?.end == nil else {
                return answer.fail(AddonFailure("it has ended before the event"))
            }
            link.submit(
                message, timeout: worker.bounds.eventTimeout,
                EventTicket(policy: .continue) { reply in
                    answer.completeWith(reply.mapError { AddonFailure("\($0)") })
                })
        }
        do {
            return .success(try await answer.futureResult.get())
        } catch {
            return .failure(error as? AddonFailure ?? AddonFailure("\(error)"))
        }
    }
}
