//! Makes a program an addon of the proxy Weir: the library speaks the protocol of `Protocol/README.md`, to whose
//! sections the comments refer; the program declares what it wants to hear of and says what is to change. `README.md`
//! has a first addon.

mod addon;
mod core;
mod event;
mod headers;
mod json;
mod stream;

pub use crate::addon::Addon;
pub use crate::core::{Core, Refusal};
pub use crate::event::Event;
pub use crate::headers::Headers;
pub use crate::json::Value;
pub use crate::stream::Stream;

/// Whatever went wrong; the core is told its text.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What a handler makes of an event: what changes (section 7), `Value::Null` for nothing.
pub type Answer = Result<Value, Failure>;

/// The result that puts a value at a path, such as `flow.response.status_code`.
pub fn patch(path: &str, value: impl Into<Value>) -> Value {
    path.rsplit('.').fold(value.into(), |inner, name| object! {name => inner})
}

/// The result that answers a request without its server.
pub fn respond(status: i64, headers: Headers, content: &[u8]) -> Value {
    let content = Value::from_bytes(content);
    patch("flow.response", object! {"status_code" => status, "headers" => headers, "content" => content})
}

/// The result that kills the flow.
pub fn kill() -> Value {
    object! {"kill" => true}
}
