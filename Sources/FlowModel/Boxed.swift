import Schema

/// A part of a flow behind one reference, copied when it is changed and somebody else holds it too.
///
/// Events pass flows on by value many times; a request has a dozen references of its own.
@propertyWrapper
public struct Boxed<Value: WireValue>: @unchecked Sendable {
    /// Changed only while it is uniquely referenced. Its one element has an address: lent by that, a flow's parts need no coroutine.
    private final class Box: ManagedBuffer<Void, Value> {
        deinit { _ = withUnsafeMutablePointerToElements { $0.deinitialize(count: 1) } }
    }

    private var box: ManagedBuffer<Void, Value>

    public init(_ value: consuming Value) {
        box = Box.create(minimumCapacity: 1) { _ in }
        box.place.initialize(to: consume value)
    }

    public var value: Value {
        unsafeAddress { address }
        unsafeMutableAddress { mutableAddress }
    }

    // What a property wrapper has.
    public init(wrappedValue: Value) { self.init(wrappedValue) }
    public var wrappedValue: Value {
        unsafeAddress { address }
        unsafeMutableAddress { mutableAddress }
    }

    /// Where the value lies, for accessors alone: as long as nobody changes or drops the box.
    public var address: UnsafePointer<Value> { UnsafePointer(box.place) }

    /// The same for a change, of nobody else's value.
    public var mutableAddress: UnsafeMutablePointer<Value> {
        mutating get {
            if !isKnownUniquelyReferenced(&box) { self = Boxed(value) }
            return box.place
        }
    }
}

extension ManagedBuffer where Header == Void {
    fileprivate var place: UnsafeMutablePointer<Element> { withUnsafeMutablePointerToElements { $0 } }
}

extension Boxed: WireValue {
    public static func == (left: Boxed, right: Boxed) -> Bool {
        left.box === right.box || left.value == right.value
    }

    public static var shape: Shape { Value.shape }
    public func write(_ selection: Selection?, to writer: inout JSONWriter) {
        Value.write(address, selection, to: &writer)
    }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Boxed {
        Boxed(try Value.read(json, at: path()))
    }
    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Boxed {
        Boxed(try Value.restored(from: json, at: path()))
    }
    public static func changes(
        from old: UnsafePointer<Boxed>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Boxed>) -> Void
    ) throws(StateRefusal) {
        try Value.changes(from: old.pointee.address, to: json, at: path(), access: access) { change in
            // Of the change within only what it does: its path is in the new one.
            let apply = change.apply
            take(Change(path: change.path) { apply(&$0.value) })
        }
    }
}
