import FlowModel

/// A DNS message and its octets (RFC 1035 4.1). Pure: no state, no input or output; the timestamp is the caller's.
///
/// Read: the message whole, nothing behind it, every name expanded, each record's data with its names expanded too, so that it stands
/// for itself. Whatever is against the rules is refused with the place, and no input takes more than its own size in steps times 128,
/// the labels that a pointer can lead to. Written: owners' names and those in the data of RFC 1035's types compressed, as servers do.
///
/// Left to others: what the questions mean, EDNS options (RFC 6891: a record of type 41 among the additionals), signatures.
extension DNSMessage {
    public init(octets: [UInt8]) throws(WireFailure) {
        var reader = WireReader(octets)
        let header = try MessageHeader(&reader)
        self.init()
        id = header.id
        flags = header.flags
        for number in 0..<header.counts[0] { questions.append(try Self.question(&reader, number + 1)) }
        answers = try Self.records(&reader, header.counts[1], "answer")
        authorities = try Self.records(&reader, header.counts[2], "authority")
        additionals = try Self.records(&reader, header.counts[3], "additional")
        guard reader.remaining == 0 else { throw WireFailure("\(reader.remaining) octets behind the end of the message") }
    }

    private static func question(_ reader: inout WireReader, _ number: Int) throws(WireFailure) -> DNSQuestion {
        do throws(WireFailure) {
            var question = DNSQuestion()
            question.name = try reader.name().text
            question.type = try reader.number16()
            question.dnsClass = try reader.number16()
            return question
        } catch {
            throw error.at("question \(number)")
        }
    }

    private static func records(_ reader: inout WireReader, _ count: Int, _ section: String) throws(WireFailure) -> [DNSResource]
    {
        var records: [DNSResource] = []
        for number in 0..<count {
            do throws(WireFailure) {
                var record = DNSResource()
                record.name = try reader.name().text
                record.type = try reader.number16()
                record.dnsClass = try reader.number16()
                record.timeToLive = try reader.number32()
                var data = try reader.part(try reader.number16())
                if let layout = RecordLayout.of(type: record.type) {
                    record.data = ByteString(try layout.expanded(data))
                } else {
                    record.data = ByteString(try data.bytes(data.remaining))
                }
                records.append(record)
            } catch {
                throw error.at("\(section) \(number + 1)")
            }
        }
        return records
    }

    /// At most 65,535 of them.
    public func octets() throws(WireFailure) -> [UInt8] {
        var writer = WireWriter()
        writer.number16(id)
        writer.number16(flags)
        for count in [questions.count, answers.count, authorities.count, additionals.count] {
            guard count <= 0xFFFF else { throw WireFailure("\(count) entries in a section, at most 65535 are possible") }
            writer.number16(count)
        }
        for (index, question) in questions.enumerated() {
            do throws(WireFailure) {
                writer.name(try DomainName(text: question.name), compressed: true)
            } catch {
                throw error.at("question \(index + 1)")
            }
            writer.number16(question.type)
            writer.number16(question.dnsClass)
        }
        for (section, records) in [("answer", answers), ("authority", authorities), ("additional", additionals)] {
            for (index, record) in records.enumerated() {
                do throws(WireFailure) { try record.write(to: &writer) } catch { throw error.at("\(section) \(index + 1)") }
            }
        }
        guard writer.count <= 0xFFFF else { throw WireFailure("a message of \(writer.count) octets, at most 65535 are possible") }
        return writer.octets
    }
}

extension DNSResource {
    fileprivate func write(to writer: inout WireWriter) throws(WireFailure) {
        writer.name(try DomainName(text: name), compressed: true)
        writer.number16(type)
        writer.number16(dnsClass)
        writer.number32(timeToLive)
        let place = writer.count
        writer.number16(0)
        let start = writer.count
        // Data that a worker made up goes out as it is, if it is not what its type says.
        if let layout = RecordLayout.of(type: type), layout.mayCompress, (try? layout.expanded(WireReader(data.bytes))) != nil {
            try layout.copy(WireReader(data.bytes), to: &writer, compressed: true)
        } else {
            writer.bytes(data.bytes)
        }
        let length = writer.count - start
        guard length <= 0xFFFF else { throw WireFailure("data of \(length) octets, at most 65535 are possible") }
        writer.patch16(length, at: place)
    }
}
