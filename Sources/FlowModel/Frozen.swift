import Schema
import Synchronization

/// A record that does not change any more, with its JSON kept once it was asked for.
///
/// The two connections of a flow are half of its state and change a few times in their lives; events of all flows on a
/// connection share one `Frozen` until then. Workers may not change it through a flow.
public final class Frozen<Value: Record>: Sendable {
    public let value: Value
    private let encoded = Mutex<[UInt8]?>(nil)

    public init(_ value: Value) { self.value = value }
}

extension Frozen: WireValue {
    public static func == (left: Frozen, right: Frozen) -> Bool { left === right || left.value == right.value }

    public static var shape: Shape { Value.shape }

    public func write(_ selection: Selection?, to writer: inout JSONWriter) {
        if let selection { return value.write(selection, to: &writer) }
        let json = encoded.withLock { encoded in
            if let json = encoded { return json }
            var own = JSONWriter(capacity: 1024)
            value.write(to: &own)
            let json = own.bytes
            encoded = json
            return json
        }
        writer.fragment(json)
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Frozen {
        Frozen(try Value.read(json, at: path()))
    }

    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Frozen {
        Frozen(try Value.restored(from: json, at: path()))
    }

    public static func changes(
        from old: UnsafePointer<Frozen>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _: (Change<Frozen>) -> Void
    ) throws(StateRefusal) {
        try withUnsafePointer(to: old.pointee.value) { (old) throws(StateRefusal) in
            try Value.changes(from: old, to: json, at: path(), access: .readOnly) { _ in }
        }
    }
}
