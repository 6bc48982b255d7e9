import Foundation
import Glibc
import Testing

@testable import Systemd

@Suite struct ServiceEnvironmentTests {
    private func environment(_ variables: [String: String]) throws -> ServiceEnvironment {
        try ServiceEnvironment(variables, processID: 10, parentID: 9)
    }

    @Test("without variables there is nothing")
    func nothing() throws {
        let environment = try environment([:])
        #expect(environment.descriptors.rest.isEmpty)
        #expect(environment.notify == nil && environment.watchdog == nil && environment.journal == nil)
        #expect(environment.credential("ca.pem") == nil)
    }

    @Test(
        "descriptors of another process are none of ours",
        arguments: [["LISTEN_PID": "11"], [:], ["WEIR_PREDECESSOR": "8"], ["LISTEN_PID": ""]] as [[String: String]])
    func others(variables: [String: String]) throws {
        let variables = variables.merging(["LISTEN_FDS": "1"]) { $1 }
        #expect(try environment(variables).descriptors.rest.isEmpty)
    }

    @Test("a count that is none, or of descriptors that are not open, is refused")
    func counts() {
        for count in ["-1", "x", "1025", "99999999999"] {
            #expect(throws: ListenDescriptors.Failure.self) {
                try environment(["LISTEN_PID": "10", "LISTEN_FDS": count])
            }
        }
        #expect(throws: ListenDescriptors.Failure.self) {
            try environment(["LISTEN_PID": "10", "LISTEN_FDS": "1000"])
        }
    }

    @Test("descriptors close on exec, and are taken by name")
    func names() throws {
        // Whatever the test has open as 3 and 4.
        let opened = (0..<2).map { _ in open("/dev/null", O_RDONLY) }
        defer { opened.forEach { close($0) } }
        let flags = [3, 4].map { fcntl($0, F_GETFD) }
        defer { for (index, flag) in flags.enumerated() { _ = fcntl(CInt(3 + index), F_SETFD, flag) } }
        var descriptors = try environment(["LISTEN_PID": "10", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "regular:"]).descriptors
        #expect(descriptors.rest.map(\.name) == ["regular", "unknown"])
        for number: CInt in [3, 4] { #expect(fcntl(number, F_GETFD) == FD_CLOEXEC) }
        #expect(descriptors.take(named: "addons") == nil)
        #expect(descriptors.take(named: "regular", where: { $0 == 4 }) == nil)
        #expect(descriptors.take(named: "regular") == 3)
        #expect(descriptors.take(named: "regular") == nil)
        #expect(descriptors.rest.map(\.number) == [4])

        let unnamed = try environment(["LISTEN_PID": "10", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "one"]).descriptors
        #expect(unnamed.rest.map(\.name) == ["unknown", "unknown"])
    }

    @Test("kinds of descriptors")
    func kinds() {
        let made = [(AF_INET, SOCK_STREAM), (AF_INET6, SOCK_STREAM), (AF_INET, SOCK_DGRAM), (AF_UNIX, SOCK_STREAM)].map {
            socket($0.0, CInt($0.1.rawValue), 0)
        }
        defer { made.forEach { close($0) } }
        #expect(made.map { DescriptorKind($0) } == [.other, .other, .datagrams, .other])
        for number in made { listen(number, 1) }
        #expect(made.prefix(3).map { DescriptorKind($0) } == [.streams, .streams, .datagrams])
        #expect(DescriptorKind(0) == .other)
        #expect(DescriptorKind(-1) == .other)
    }

    @Test("the watchdog of another process is none of ours")
    func watchdog() throws {
        #expect(try environment(["WATCHDOG_USEC": "2000000"]).watchdog?.microseconds == 2_000_000)
        #expect(try environment(["WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "10"]).watchdog != nil)
        #expect(try environment(["WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "9"]).watchdog == nil)
        for text in ["0", "x", "", "-1"] { #expect(try environment(["WATCHDOG_USEC": text]).watchdog == nil) }
    }

    @Test("a successor has the variables of its predecessor, and other descriptors")
    func successor() throws {
        let first = try environment([
            "NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "10", "LISTEN_PID": "10", "JOURNAL_STREAM": "1:2",
        ])
        let variables = first.successorVariables(processID: 10, names: ["regular", "addons"])
        #expect(
            variables == [
                "NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "5", "JOURNAL_STREAM": "1:2", "LISTEN_FDS": "2",
                "LISTEN_FDNAMES": "regular:addons", "WEIR_PREDECESSOR": "10",
            ])
        let second = try ServiceEnvironment(
            variables.merging(["LISTEN_FDS": "0"]) { $1 }, processID: 11, parentID: 10)
        #expect(second.predecessor == 10)
        #expect(second.watchdog != nil)
        #expect(second.notify != nil)
    }

    @Test("a credential is a file of the folder that the manager names")
    func credentials() throws {
        let folder = NSTemporaryDirectory() + "weir-\(UUID().uuidString)"
        mkdir(folder, 0o700)
        defer {
            unlink(folder + "/ca.pem")
            rmdir(folder)
        }
        let environment = try environment(["CREDENTIALS_DIRECTORY": folder])
        #expect(environment.credential("ca.pem") == nil)
        close(open(folder + "/ca.pem", O_CREAT | O_WRONLY, 0o400))
        #expect(environment.credential("ca.pem") == folder + "/ca.pem")
    }
}
