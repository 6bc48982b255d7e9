import NIOCore
import Testing

@testable import ProxyKernel

struct PinnedHostsTests {
    private let start = NIODeadline.now()

    private func reject(_ hosts: PinnedHosts, _ host: String = "a:443", after seconds: Int64 = 0) -> Bool {
        hosts.rejected(host, limit: 3, time: .seconds(60), at: start + .seconds(seconds))
    }

    @Test("the rejections in a row decide, and are counted for each host")
    func rejections() {
        let hosts = PinnedHosts()
        #expect(!reject(hosts) && !reject(hosts) && !reject(hosts, "b:443"))
        #expect(!hosts.passes("a:443", at: start))
        #expect(reject(hosts))
        #expect(hosts.passes("a:443", at: start) && !hosts.passes("b:443", at: start) && !hosts.passes("c:443", at: start))
    }

    @Test("a success makes the count begin anew")
    func success() {
        let hosts = PinnedHosts()
        #expect(!reject(hosts) && !reject(hosts))
        hosts.accepted("a:443")
        #expect(!reject(hosts) && !reject(hosts) && reject(hosts))
    }

    @Test("when the time is over the host is tried again, and one rejection is enough to pass it through once more")
    func again() {
        let hosts = PinnedHosts()
        #expect(!reject(hosts) && !reject(hosts) && reject(hosts))
        #expect(hosts.passes("a:443", at: start + .seconds(59)) && !hosts.passes("a:443", at: start + .seconds(60)))
        #expect(reject(hosts, after: 61))
        #expect(hosts.passes("a:443", at: start + .seconds(120)))
        hosts.accepted("a:443")
        #expect(!hosts.passes("a:443", at: start + .seconds(120)) && !reject(hosts, after: 130))
    }

    @Test("hosts are forgotten beyond the capacity")
    func bound() {
        let hosts = PinnedHosts(capacity: 10)
        for number in 0..<100 { _ = reject(hosts, "\(number):443") }
        #expect(hosts.count == 10)
    }
}
