import Schema

/// A part of a flow behind one reference, copied when it is changed and somebody else holds it too.
///
/// Events pass flows on by value many times; a request has a dozen references of its own.
@propertyWrapper
public struct Boxed<Value: WireValue>: Sendable {
    /// Changed only while it is uniquely referenced.
    private final class Box: @unchecked Sendable {
        var value: Value
        init(_ value: Value) { self.value = value }
    }

    private var box: Box

    public init(wrappedValue: Value) { box = Box(wrappedValue) }

    public var wrappedValue: Value {
        _read { yield box.value }
        _modify {
            if !isKnownUniquelyReferenced(&box) { box = Box(box.value) }
            yield &box.value
        }
    }
}

extension Boxed: WireValue {
    public static func == (left: Boxed, right: Boxed) -> Bool {
        left.box === right.box || left.wrappedValue == right.wrappedValue
    }

    public static var shape: Shape { Value.shape }
    public func write(_ selection: Selection?, to writer: inout JSONWriter) {
        wrappedValue.write(selection, to: &writer)
    }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Boxed {
        Boxed(wrappedValue: try Value.read(json, at: path()))
    }
    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Boxed {
        Boxed(wrappedValue: try Value.restored(from: json, at: path()))
    }
    public static func changes(from old: Boxed, to json: JSON, at path: @autoclosure () -> String, access: Access)
        throws(StateRefusal) -> [Change<Boxed>]
    {
        try Value.changes(from: old.wrappedValue, to: json, at: path(), access: access).map { change in
            Change(path: change.path) { change.apply(&$0.wrappedValue) }
        }
    }
}
