use crate::core::Core;
use crate::headers::Headers;
use crate::json::Value;
use crate::link::locked;
use crate::stream::Stream;
use crate::{object, Failure};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Whether the core has withdrawn an event.
#[derive(Default)]
pub struct Withdrawal(Mutex<bool>, Condvar);

impl Withdrawal {
    pub fn set(&self) {
        *locked(&self.0) = true;
        self.1.notify_all();
    }
}

pub type Body = Box<dyn FnOnce(&mut Stream) -> Result<(), Failure> + Send>;

/// One event of a hook.
pub struct Event {
    pub name: String,
    pub params: Value,
    pub core: Arc<Core>,
    pub(crate) id: Value,
    pub(crate) withdrawal: Arc<Withdrawal>,
    pub(crate) body: Mutex<Option<Body>>,
}

impl Event {
    pub(crate) fn new(core: &Arc<Core>, name: String, id: Value, params: Value) -> Event {
        let withdrawal = Arc::new(Withdrawal::default());
        locked(&core.events).insert(id.int(), withdrawal.clone());
        Event { name, params, core: core.clone(), id, withdrawal, body: Mutex::new(None) }
    }

    /// Follows a path such as `flow.request.host` through the parameters; null where it leads nowhere.
    pub fn get(&self, path: &str) -> &Value {
        self.params.get(path)
    }

    /// The flow; null where the event has none.
    pub fn flow(&self) -> &Value {
        self.get("flow")
    }

    /// 2 if another process died over the event, else 1.
    pub fn attempt(&self) -> i64 {
        self.get("attempt").int()
    }

    /// A copy of the headers at a path, such as `flow.response.headers`.
    pub fn headers(&self, path: &str) -> Headers {
        self.get(path).into()
    }

    /// Whether the core has withdrawn the event; nothing is answered then.
    pub fn is_cancelled(&self) -> bool {
        *locked(&self.withdrawal.0)
    }

    /// Waits for so long, or until the core withdraws the event, which is false.
    pub fn wait(&self, time: Duration) -> bool {
        let cancelled = locked(&self.withdrawal.0);
        let waited = self.withdrawal.1.wait_timeout_while(cancelled, time, |cancelled| !*cancelled);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks for so much time from now on; all together not more than `limits.max_extension_ms`.
    pub fn extend(&self, time: Duration) {
        self.core.notify("event.extend", object! {"id" => self.id.clone(), "ms" => time.as_millis() as i64});
    }

    /// The whole body of `request` or `response`, none if it has none: from the line, or by reference, which needs the permission
    /// `body.read`. A body that the event does not show is an error.
    pub fn content(&self, side: &str) -> Result<Option<Vec<u8>>, Failure> {
        let content = self.flow().get(side).get("content");
        if content.get("ref").is_null() {
            return match content {
                Value::Null => Ok(None),
                _ => content.bytes().map(Some).ok_or_else(|| "the body is not shown".into()),
            };
        }
        let mut data = Vec::new();
        while (data.len() as i64) < content.get("size").int() {
            let asked = object! {"ref" => content.get("ref").clone(), "offset" => data.len()};
            let piece = self.core.call("body.read", asked)?.get("data").bytes().unwrap_or_default();
            if piece.is_empty() {
                return Err(format!("the body ended after {} bytes", data.len()).into());
            }
            data.extend(piece);
        }
        Ok(Some(data))
    }

    /// Has the event's body go through `handle` behind the answer: in hooks whose content is `stream`, and behind a preview
    /// whose answer has `more` `stream`. The body ends when `handle` returns; an error breaks it off. Without it the body passes.
    pub fn body(&self, handle: impl FnOnce(&mut Stream) -> Result<(), Failure> + Send + 'static) {
        *locked(&self.body) = Some(Box::new(handle));
    }

    /// The number of the stream that opens behind this result, if one does.
    pub(crate) fn opened(&self, result: &Value) -> Option<i64> {
        let side = if self.name.starts_with("request") { "request" } else { "response" };
        let shown = self.flow().get(side).get("content");
        let number = Some(shown.get("stream")).filter(|number| !number.is_null())?;
        let is_answered = side == "request" && !result.get("flow.response").is_null();
        let is_over = is_answered || *result.get("kill") == Value::Bool(true);
        let is_wanted = shown.get("preview").is_null() || result.get("more").text() == "stream";
        let own = match result.get("flow").get(side) {
            Value::Object(members) => members.iter().find(|(name, _)| name == "content").map(|(_, own)| own),
            _ => None,
        };
        // A reference back to what was shown is no change.
        let is_replaced = own.map_or(false, |own| own.get("stream").is_null() && own.get("omitted").is_null());
        Some(number.int()).filter(|_| is_wanted && !is_replaced && !is_over)
    }
}
