import FlowModel
import Foundation
import Glibc
import NIOCore
import ProxyKernel
import Testing

@testable import AddonHost

/// Descriptors beside a connection, and what they may be, with the worker's end in the test's own hands.
final class DescriptorSocketTests {
    private let ours: DescriptorSocket
    private let theirs: OwnedDescriptor
    private let store = BodyStore(confdir: "/tmp", memoryLimit: 1 << 20, limit: 1 << 21)

    init() {
        var ends: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        ours = DescriptorSocket(OwnedDescriptor(ends[0]))
        theirs = OwnedDescriptor(ends[1])
    }

    private func memory(_ text: String) throws -> OwnedDescriptor { try SealedMemory.copy(ByteBuffer(string: text)) }

    /// What a worker sends: a payload and descriptors.
    private func send(_ payload: String, _ descriptors: [OwnedDescriptor]) {
        let head = MemoryLayout<cmsghdr>.size
        let size = head + 4 * descriptors.count
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 1) + 8, alignment: 8)
        defer { control.deallocate() }
        var header = cmsghdr()
        (header.cmsg_len, header.cmsg_level, header.cmsg_type) = (size, SOL_SOCKET, CInt(SCM_RIGHTS))
        control.storeBytes(of: header, as: cmsghdr.self)
        for (index, descriptor) in descriptors.enumerated() {
            control.storeBytes(of: descriptor.number, toByteOffset: head + 4 * index, as: CInt.self)
        }
        var bytes = Array(payload.utf8)
        let sent = bytes.withUnsafeMutableBytes { bytes in
            var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            return withUnsafeMutablePointer(to: &part) { part in
                var message = msghdr()
                (message.msg_iov, message.msg_iovlen) = (part, 1)
                if !descriptors.isEmpty { (message.msg_control, message.msg_controllen) = (control.baseAddress, size) }
                return sendmsg(theirs.number, &message, 0)
            }
        }
        #expect(sent == payload.utf8.count)
    }

    @Test("the first number is the shared file's, or nobody's where the system gives none", arguments: [true, false])
    func sharing(isGiven: Bool) throws {
        let area = isGiven ? try? BodyArea() : nil
        #expect((ours.share(area) != nil) == (area != nil))
        #expect(ours.send(try memory("a body")) == 3)
    }

    private func refusal(_ number: Int) -> String {
        switch ours.receive(number) {
        case .success: "a descriptor"
        case .failure(let failure): failure.description
        }
    }

    private func contents(_ result: Result<OwnedDescriptor, DescriptorFailure>, _ size: Int) throws -> String {
        String(buffer: try #require(SealedMemory.take(result.get(), size: size, into: store).buffer))
    }

    @Test("numbers that are sent are odd and rise, until the worker takes none any more")
    func sends() throws {
        let memory = try memory("x")
        var numbers: [Int] = []
        while let number = ours.send(memory), numbers.count < 100 { numbers.append(number) }
        #expect((1...20).contains(numbers.count) && numbers == Array(stride(from: 1, to: 2 * numbers.count, by: 2)))
        var byte = [UInt8](repeating: 0, count: 8)
        #expect(recv(theirs.number, &byte, 8, 0) == 1 && byte[0] == UInt8(ascii: "1"))
        #expect(ours.send(memory) == numbers.count * 2 + 1)
    }

    @Test("a descriptor is received by its number; those that no line has named are given up")
    func receives() throws {
        for number in [2, 4, 6] { send("\(number)", [try memory("body \(number)")]) }
        #expect(try contents(ours.receive(4), 6) == "body 4")
        #expect(refusal(2) == "descriptor 2 was named, or given up, before")
        #expect(try contents(ours.receive(6), 6) == "body 6")
        #expect(refusal(6) == "descriptor 6 was named, or given up, before")
        #expect(refusal(8) == "no descriptor 8 was sent before the line that names it")
    }

    @Test("one that comes before its turn waits for its line")
    func isEarly() throws {
        send("4", [try memory("four")])
        #expect(refusal(2).hasPrefix("no descriptor 2"))
        #expect(try contents(ours.receive(4), 4) == "four")
    }

    @Test("packets with no descriptor or two, or without an even number, are no use, and harm nothing behind them")
    func isWrong() throws {
        let one = try memory("x")
        let before = try openings(of: one)
        for (payload, descriptors) in [("2", []), ("2", [one, one]), ("3", [one]), ("two", [one]), ("-2", [one])] {
            send(payload, descriptors)
        }
        #expect(refusal(2).hasPrefix("no descriptor 2 was sent before the line that names it; a packet had"))
        #expect(try openings(of: one) == before)
        send("4", [try memory("four")])
        #expect(try contents(ours.receive(4), 4) == "four")
    }

    /// How many descriptors of this process are of the file: other tests open and close theirs meanwhile.
    private func openings(of descriptor: OwnedDescriptor) throws -> Int {
        func file(_ number: CInt) -> [UInt64]? {
            var status = stat()
            return fstat(number, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
        }
        let wanted = try #require(file(descriptor.number))
        let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        return names.compactMap { CInt($0) }.count { file($0) == wanted }
    }

    @Test("a worker that has closed its end has sent nothing")
    func isClosed() {
        shutdown(theirs.number, CInt(SHUT_RDWR))
        #expect(refusal(2).hasPrefix("no descriptor 2"))
    }

    @Test("a body is sealed when it is sent: nobody can write it, and the position is its start")
    func isSealed() throws {
        let memory = try memory("hello")
        var bytes = [UInt8](repeating: 0, count: 8)
        #expect(read(memory.number, &bytes, 8) == 5 && bytes.prefix(5).elementsEqual("hello".utf8))
        #expect(pwrite(memory.number, "x", 1, 0) == -1 && ftruncate(memory.number, 3) == -1 && ftruncate(memory.number, 30) == -1)
        let again = try SealedMemory.take(memory, size: 5, into: store)
        #expect(again == .bytes(ByteBuffer(string: "hello")))
    }

    @Test("what is too long for memory is taken into a file, and what may not be held is refused")
    func takes() throws {
        let long = String(repeating: "x", count: 1 << 20 + 1)
        guard case .file(let file) = try SealedMemory.take(try memory(long), size: long.utf8.count, into: store) else {
            Issue.record("it was taken into memory")
            return
        }
        #expect(try String(buffer: file.read(at: 0, count: .max)) == long)
        let longer = String(repeating: "x", count: 1 << 21 + 1)
        let failure = #expect(throws: BodyFileFailure.self) {
            try SealedMemory.take(try self.memory(longer), size: longer.utf8.count, into: self.store)
        }
        #expect(failure?.description == "a body of 2097153 bytes is larger than the 2097152 that may be held")
    }

    @Test("other kinds of descriptors are refused before anything of them is read")
    func refusesOthers() throws {
        var pipes: [CInt] = [-1, -1]
        #expect(pipe(&pipes) == 0)
        let ends = pipes.map { OwnedDescriptor($0) }
        for descriptor in [ends[0], OwnedDescriptor(open("/dev/zero", O_RDONLY)), OwnedDescriptor(open("/", O_RDONLY)), theirs] {
            let failure = #expect(throws: BodyFileFailure.self) { try SealedMemory.take(descriptor, size: 0, into: self.store) }
            #expect(failure?.description == "expected a memory file (memfd_create), found a descriptor of another kind")
        }
    }
}
