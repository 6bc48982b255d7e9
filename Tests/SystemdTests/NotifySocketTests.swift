import Foundation
import Glibc
import Testing

@testable import Systemd

@Suite struct NotifySocketTests {
    @Test("notifications are one datagram of lines", arguments: [false, true])
    func lines(isAbstract: Bool) throws {
        let manager = Listening(isAbstract: isAbstract)
        let socket = try #require(NotifySocket(manager.name))
        #expect(socket.send([.ready, .status("2 modes\nlisten"), .mainProcess(77)]))
        #expect(manager.text == "READY=1\nSTATUS=2 modes listen\nMAINPID=77")
        #expect(socket.send(Notification.reloading(microseconds: 5) + [.errorNumber(2)], waits: false))
        #expect(manager.text == "RELOADING=1\nMONOTONIC_USEC=5\nERRNO=2")
        #expect(socket.send([.stopping, .extendTimeout(microseconds: 9), .watchdog]))
        #expect(manager.text == "STOPPING=1\nEXTEND_TIMEOUT_USEC=9\nWATCHDOG=1")
    }

    @Test("descriptors that are to be kept go with their name")
    func store() throws {
        let manager = Listening()
        let socket = try #require(NotifySocket(manager.name))
        #expect(socket.send(Notification.storeDescriptors(named: "regular"), descriptors: [0, 1, 2]))
        let (bytes, descriptors) = try #require(manager.receive())
        #expect(String(decoding: bytes, as: UTF8.self) == "FDSTORE=1\nFDNAME=regular")
        try #require(descriptors.count == 3)
        var (sent, kept) = (stat(), stat())
        for (number, descriptor) in descriptors.enumerated() {
            fstat(CInt(number), &sent)
            fstat(descriptor, &kept)
            #expect(sent.st_ino == kept.st_ino && sent.st_dev == kept.st_dev)
            close(descriptor)
        }
        #expect(socket.send(Notification.removeDescriptors(named: "regular")))
        #expect(manager.text == "FDSTOREREMOVE=1\nFDNAME=regular")
    }

    @Test("a barrier holds until its descriptor is closed")
    func barrier() throws {
        let manager = Listening()
        let socket = try #require(NotifySocket(manager.name))
        #expect(!socket.synchronize(milliseconds: 20))
        let (bytes, descriptors) = try #require(manager.receive())
        #expect(bytes == Array("BARRIER=1".utf8))
        #expect(descriptors.count == 1)
        descriptors.forEach { close($0) }

        let reader = Thread { manager.receive()?.descriptors.forEach { close($0) } }
        reader.start()
        #expect(socket.synchronize())
    }

    @Test("a name that is no address is no socket", arguments: ["", "relative", "@", "/" + String(repeating: "x", count: 108)])
    func names(name: String) { #expect(NotifySocket(name) == nil) }

    @Test("nobody at the address costs nothing but the notification")
    func nobody() throws {
        let socket = try #require(NotifySocket("/nonexistent/notify"))
        #expect(!socket.send([.ready]))
    }
}
