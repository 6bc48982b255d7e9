use crate::core::Core;
use crate::event::Event;
use crate::json::Value;
use crate::link::{connect, locked};
use crate::stream::Stream;
use crate::{object, Answer, Failure};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{mpsc, Arc, Mutex};

/// The longest line that is read, in bytes; the core is told.
const MAX_LINE: usize = 16 << 20;
/// How many observed events wait for their handler; those beyond are dropped, which is said.
const MAX_OBSERVED: usize = 4096;

type Handler = Arc<dyn Fn(&Event) -> Answer + Send + Sync>;

/// What an addon declares. Hooks, options and commands are given as the protocol has them, see sections 4 and 5.
pub struct Addon {
    hello: Vec<(String, Value)>,
    handlers: HashMap<String, Handler>,
    commands: HashMap<String, Handler>,
    options: HashMap<String, Value>,
    at_end: Arc<Mutex<Vec<Box<dyn FnOnce() + Send>>>>,
}

impl Addon {
    /// Both texts are for the log and for people.
    pub fn new(name: &str, version: &str) -> Addon {
        let mut hello = vec![("name".into(), name.into()), ("version".into(), version.into()), ("protocol".into(), 1.into())];
        hello.extend(["hooks", "options", "commands", "permissions"].map(|list| (list.to_string(), Value::List(Vec::new()))));
        hello.push(("limits".into(), object! {"max_line" => MAX_LINE}));
        Addon { hello, handlers: HashMap::new(), commands: HashMap::new(), options: HashMap::new(), at_end: Arc::default() }
    }

    fn declare(&mut self, list: &str, entry: Value) {
        if let Some((_, Value::List(entries))) = self.hello.iter_mut().find(|(name, _)| name == list) {
            entries.push(entry);
        }
    }

    /// Has the handler called for each event of a hook, in a thread of the library; those that are only observed come one after
    /// the other. The hook is a name, or an object with its members. An error or a panic fails the event.
    pub fn on(&mut self, hook: impl Into<Value>, handler: impl Fn(&Event) -> Answer + Send + Sync + 'static) {
        let hook = hook.into();
        let name = if let Value::Text(name) = &hook { name } else { hook.get("name").text() };
        let earlier = self.handlers.insert(name.to_string(), Arc::new(handler));
        assert!(earlier.is_none(), "hook '{name}' is declared twice");
        self.declare("hooks", hook);
    }

    /// Declares a setting; `Core::option` has what it is at the moment. A handler of `configure` finds new values in its event and
    /// may refuse them with an error; they hold when it has accepted them.
    pub fn option(&mut self, option: Value) {
        self.options.insert(option.get("name").text().to_string(), option.get("default").clone());
        self.declare("options", option);
    }

    /// Declares what others may have the addon do; `args` of the event is what the caller sent.
    pub fn command(&mut self, command: Value, run: impl Fn(&Event) -> Answer + Send + Sync + 'static) {
        self.commands.insert(command.get("name").text().to_string(), Arc::new(run));
        self.declare("commands", command);
    }

    /// Asks for a call of the core, such as `flow.get`.
    pub fn permission(&mut self, name: &str) {
        self.declare("permissions", name.into());
    }

    /// Has something run once, at shutdown or when the connection ends.
    pub fn at_end(&mut self, run: impl FnOnce() + Send + 'static) {
        locked(&self.at_end).push(Box::new(run));
    }

    /// Connects and serves until the connection ends, which is no error.
    pub fn run(mut self) -> Result<(), Failure> {
        if !self.options.is_empty() && !self.handlers.contains_key("configure") {
            self.declare("hooks", "configure".into());
        }
        let (reader, writer) = connect()?;
        let core = Arc::new(Core::new(writer, std::mem::take(&mut self.options)));
        let (observed, events) = mpsc::sync_channel::<(Event, Handler)>(MAX_OBSERVED);
        std::thread::spawn(move || events.iter().for_each(|(event, handler)| serve(&event, &handler)));
        let (mut reader, mut line) = (BufReader::with_capacity(1 << 16, reader), Vec::new());
        loop {
            line.clear();
            reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                finish(&self.at_end);
                return if line.len() > MAX_LINE { Err("the core has sent a line that is too long".into()) } else { Ok(()) };
            }
            let bad = |why| format!("bad line from the core: {why}: {:.80}", String::from_utf8_lossy(&line));
            match Value::parse(&line) {
                Ok(Value::Object(members)) => self.received(&core, members, &observed),
                Ok(_) => return Err(bad("no object".to_string()).into()),
                Err(why) => return Err(bad(why).into()),
            }
            line.shrink_to(1 << 16);
        }
    }

    /// Deals with one message of the core. It never waits: what takes time or writes has a thread of its own.
    fn received(&mut self, core: &Arc<Core>, mut message: Vec<(String, Value)>, observed: &mpsc::SyncSender<(Event, Handler)>) {
        let mut take = |name| message.iter().position(|(own, _)| own == name).map(|at| message.swap_remove(at).1);
        let (id, params) = (take("id"), take("params").unwrap_or(Value::Null));
        let method = match take("method") {
            Some(Value::Text(method)) => method,
            _ => return core.answered(&id.unwrap_or(Value::Null), Value::Object(message)),
        };
        let handler = self.handlers.get(&method).cloned();
        match (&method[..], id) {
            ("initialize", Some(id)) => {
                core.limits(params.get("limits"));
                core.configure(params.get("options"));
                core.answer(&id, Ok(Value::Object(self.hello.clone())));
            }
            ("cancel", None) => {
                if let Some(withdrawal) = locked(&core.events).get(&params.get("id").int()) {
                    withdrawal.set();
                }
            }
            (_, None) if method.starts_with("stream.") => {
                let flow = locked(&core.streams).get(&params.get("s").int()).cloned();
                if let Some(flow) = flow {
                    flow.heard(&method[7..], params);
                }
            }
            (_, None) => {
                if let Some(handler) = handler {
                    if observed.try_send((Event::new(core, method, Value::Null, params), handler)).is_err() {
                        eprintln!("weir: {MAX_OBSERVED} observed events wait already, one is dropped");
                    }
                }
            }
            ("shutdown", Some(id)) => {
                let (core, at_end) = (core.clone(), self.at_end.clone());
                core.clone().threads.run(move || {
                    finish(&at_end);
                    core.answer(&id, Ok(object! {}));
                });
            }
            (_, Some(id)) => {
                let handler = match &method[..] {
                    "command" => self.commands.get(params.get("name").text()).cloned(),
                    "ping" | "configure" => Some(handler.unwrap_or_else(|| Arc::new(|_| Ok(Value::Null)))),
                    _ => handler,
                };
                let unknown = object! {"code" => -32601, "message" => format!("no handler of '{method}'")};
                let event = Event::new(core, method, id, params);
                core.threads.run(move || match handler {
                    Some(handler) => serve(&event, &handler),
                    None => drop(event.core.send(object! {"id" => event.id.clone(), "error" => unknown})),
                });
            }
        }
    }
}

fn finish(at_end: &Mutex<Vec<Box<dyn FnOnce() + Send>>>) {
    let jobs = std::mem::take(&mut *locked(at_end));
    jobs.into_iter().for_each(|run| run());
}

/// Runs an event's handler, answers, and serves the stream that opens behind the answer.
fn serve(event: &Event, handler: &Handler) {
    let answer = guarded(&event.name, || handler(event)).map(|result| match result {
        Value::Null if event.name != "command" => object! {},
        result => result,
    });
    if event.name == "configure" && answer.is_ok() {
        event.core.configure(event.get("options"));
    }
    locked(&event.core.events).remove(&event.id.int());
    if event.id.is_null() || event.is_cancelled() {
        return;
    }
    // The stream is known before the answer leaves: its first piece may come at once.
    let number = answer.as_ref().ok().and_then(|result| event.opened(result));
    let stream = number.map(|number| Stream::open(&event.core, number));
    event.core.answer(&event.id, answer);
    if let Some(mut stream) = stream {
        let made = match locked(&event.body).take() {
            Some(body) => guarded(&event.name, || body(&mut stream)),
            None => stream.pass(),
        };
        stream.finish(made);
    }
}

/// Turns a panic into an error; both are said on standard error.
fn guarded<T>(what: &str, run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let made = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|trouble| {
        let text = trouble.downcast_ref::<String>().cloned().or_else(|| trouble.downcast_ref::<&str>().map(|text| text.to_string()));
        Err(format!("panic: {}", text.unwrap_or_default()).into())
    });
    if let Err(failure) = &made {
        eprintln!("weir: '{what}': {failure}");
    }
    made
}
