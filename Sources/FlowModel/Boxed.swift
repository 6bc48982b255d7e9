import Schema

/// A part of a flow behind one reference, copied when it is changed and somebody else holds it too.
///
/// Events pass flows on by value many times; a request has a dozen references of its own. Inlinable, since it is lent and changed in
/// place many times a flow: a call would copy all of those references, or allocate what it keeps while it lends.
@propertyWrapper
package struct Boxed<Value: WireValue>: Sendable {
    /// Changed only while it is uniquely referenced.
    @usableFromInline
    package final class Box: @unchecked Sendable {
        @usableFromInline package var value: Value
        @inlinable package init(_ value: Value) { self.value = value }
    }

    @usableFromInline package var box: Box

    @inlinable package init(wrappedValue: Value) { box = Box(wrappedValue) }

    @inlinable package var wrappedValue: Value {
        _read { yield box.value }
        _modify {
            if !isKnownUniquelyReferenced(&box) { box = Box(box.value) }
            yield &box.value
        }
    }
}

extension Boxed: WireValue {
    package static func == (left: Boxed, right: Boxed) -> Bool {
        left.box === right.box || left.wrappedValue == right.wrappedValue
    }

    package static var shape: Shape { Value.shape }
    // Every event goes through these two, of types of other targets.
    @inlinable package func write(_ selection: Selection?, to writer: inout JSONWriter) {
        wrappedValue.write(selection, to: &writer)
    }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Boxed {
        Boxed(wrappedValue: try Value.read(json, at: path()))
    }
    package static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Boxed {
        Boxed(wrappedValue: try Value.restored(from: json, at: path()))
    }
    @inlinable package static func changes(from old: Boxed, to json: JSON, at path: @autoclosure () -> String, access: Access)
        throws(StateRefusal) -> [Change<Boxed>]
    {
        try Value.changes(from: old.wrappedValue, to: json, at: path(), access: access).map { change in
            Change(path: change.path) { change.apply(&$0.wrappedValue) }
        }
    }
}
