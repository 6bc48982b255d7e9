use crate::core::{locked, State};
use crate::{object, Answer, Core, Failure, Headers, Refusal, Stream, Value};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use std::time::Duration;

pub type Handler = Arc<dyn Fn(&Event) -> Answer + Send + Sync>;
type Body = Box<dyn FnOnce(&mut Stream) -> Result<(), Failure> + Send>;

/// One event of a hook.
pub struct Event {
    pub name: String,
    /// What the core sent; `attempt` is 2 if another process died over the event.
    pub params: Value,
    pub core: Arc<Core>,
    pub(crate) id: Value,
    pub(crate) handler: Option<Handler>,
    pub(crate) body: Mutex<Option<Body>>,
}

impl Event {
    /// Follows a path such as `flow.request.host` through the parameters; null where it leads nowhere.
    pub fn get(&self, path: &str) -> &Value {
        self.params.get(path)
    }

    /// The flow; null where the event has none.
    pub fn flow(&self) -> &Value {
        self.get("flow")
    }

    /// A copy of the headers at a path, such as `flow.response.headers`.
    pub fn headers(&self, path: &str) -> Headers {
        self.get(path).into()
    }

    /// Whether the core has withdrawn the event; nothing is answered then.
    pub fn is_cancelled(&self) -> bool {
        !self.core.state().events.contains(&self.id.int())
    }

    /// Waits for so long, or until the core withdraws the event, which is false.
    pub fn wait(&self, time: Duration) -> bool {
        let is_open = |state: &mut State| state.events.contains(&self.id.int());
        let waited = self.core.withdrawal.wait_timeout_while(self.core.state(), time, is_open);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Asks for so much time from now on; all together not more than `limits.max_extension_ms`.
    pub fn extend(&self, time: Duration) {
        self.core.notify("event.extend", object! {"id" => self.id.clone(), "ms" => time.as_millis() as i64});
    }

    /// The whole body of `request` or `response`, none if it has none: from the line, or by reference, which needs the
    /// permission `body.read`. A body that the event does not show is an error.
    pub fn content(&self, side: &str) -> Result<Option<Vec<u8>>, Failure> {
        let content = self.flow().get(side).get("content");
        if content.get("ref").is_null() {
            let shown = content.bytes().ok_or_else(|| "the body is not shown".into());
            return if content.is_null() { Ok(None) } else { shown.map(Some) };
        }
        let mut data = Vec::new();
        while data.len() < content.get("size").int() as usize {
            let asked = object! {"ref" => content.get("ref").clone(), "offset" => data.len()};
            let piece = self.core.call("body.read", asked)?.get("data").bytes().filter(|piece| !piece.is_empty());
            data.extend(piece.ok_or("the body ended too early")?);
        }
        Ok(Some(data))
    }

    /// Has the event's body go through `handle` behind the answer: in hooks whose content is `stream`, and behind a
    /// preview whose answer has `more` `stream`. The body ends when `handle` returns; an error breaks it off. Without
    /// it the body passes.
    pub fn body(&self, handle: impl FnOnce(&mut Stream) -> Result<(), Failure> + Send + 'static) {
        *locked(&self.body) = Some(Box::new(handle));
    }

    /// Has a thread serve the event: one that waits for work, else a new one. There come to be as many as there are
    /// events and streams at a time, which the core bounds.
    pub(crate) fn begin(self) {
        self.core.state().events.insert(self.id.int());
        let waiting = self.core.state().idle.pop();
        let thread = waiting.unwrap_or_else(|| {
            let (thread, events) = mpsc::channel::<Event>();
            let (core, own) = (self.core.clone(), thread.clone());
            std::thread::spawn(move || {
                for event in events {
                    event.serve();
                    core.state().idle.push(own.clone());
                }
            });
            thread
        });
        let _ = thread.send(self);
    }

    /// Runs the handler, answers, and serves the stream that opens behind the answer.
    pub(crate) fn serve(self) {
        let answer = guarded(&self.name, || match &self.handler {
            Some(handler) => handler(&self),
            None if matches!(&self.name[..], "ping" | "shutdown") => Ok(Value::Null),
            None => Err(Refusal { code: -32601, kind: "method_not_found".into(), message: "no handler".into() }.into()),
        });
        if self.name == "configure" && answer.is_ok() {
            self.core.state().options = self.get("options").clone();
        }
        if self.id.is_null() || !self.core.state().events.remove(&self.id.int()) {
            return;
        }
        let answer = answer.map(|made| if made.is_null() && self.name != "command" { object! {} } else { made });
        // The stream is known before the answer leaves: its first piece may come at once.
        let stream = answer.as_ref().ok().and_then(|result| self.opened(result));
        self.core.answer(&self.id, answer);
        if let Some(mut stream) = stream {
            let body = locked(&self.body).take().unwrap_or_else(|| Box::new(Stream::pass));
            let made = guarded(&self.name, || body(&mut stream));
            stream.finish(made);
        }
    }

    /// The stream that opens behind this result, if one does.
    fn opened(&self, result: &Value) -> Option<Stream> {
        let side = if self.name.starts_with("request") { "request" } else { "response" };
        let shown = self.flow().get(side).get("content");
        let own = result.get("flow").get(side).member("content");
        // A reference back to what was shown is no change.
        let is_replaced = own.map_or(false, |own| own.get("stream").is_null() && own.get("omitted").is_null());
        let is_answered = side == "request" && !result.get("flow.response").is_null();
        let is_over = is_replaced || is_answered || *result.get("kill") == true.into();
        let is_wanted = shown.get("preview").is_null() || result.get("more").text() == "stream";
        let number = shown.member("stream").filter(|_| is_wanted && !is_over)?;
        Some(Stream::open(self.core.clone(), number.int()))
    }
}

/// Turns a panic into an error; both are said on standard error.
fn guarded<T>(what: &str, run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let made = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|trouble| {
        let text = trouble.downcast_ref::<&str>().map(|text| text.to_string());
        let text = text.or_else(|| trouble.downcast_ref().cloned());
        Err(format!("panic: {}", text.unwrap_or_default()).into())
    });
    if let Err(failure) = &made {
        eprintln!("weir: '{what}': {failure}");
    }
    made
}
