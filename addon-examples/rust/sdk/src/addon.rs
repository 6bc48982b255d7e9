use crate::core::{connect, locked, State};
use crate::event::Handler;
use crate::{object, Answer, Core, Event, Failure, Value};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::sync::{mpsc, Arc, Condvar, Mutex};

/// The longest line that is read, in bytes; the core is told.
const MAX_LINE: usize = 16 << 20;
/// How many observed events wait for their handler; those beyond are dropped, which is said.
const MAX_OBSERVED: usize = 4096;

/// What an addon declares. Hooks, options and commands are given as the protocol has them, see sections 4 and 5.
#[derive(Default)]
pub struct Addon {
    name: String,
    version: String,
    declared: HashMap<&'static str, Vec<Value>>,
    handlers: HashMap<String, Handler>,
}

impl Addon {
    /// Both texts are for the log and for people.
    pub fn new(name: &str, version: &str) -> Addon {
        Addon { name: name.into(), version: version.into(), ..Addon::default() }
    }

    fn handle(&mut self, method: String, handler: impl Fn(&Event) -> Answer + Send + Sync + 'static) {
        assert!(!self.handlers.contains_key(&method), "'{method}' is declared twice");
        self.handlers.insert(method, Arc::new(handler));
    }

    /// Has the handler called for each event of a hook, in a thread of the library; those that are only observed come
    /// one after the other. The hook is a name, or an object with its members. An error or a panic fails the event.
    pub fn on(&mut self, hook: impl Into<Value>, handler: impl Fn(&Event) -> Answer + Send + Sync + 'static) {
        let hook = hook.into();
        self.handle(hook.member("name").unwrap_or(&hook).text().to_string(), handler);
        self.declared.entry("hooks").or_default().push(hook);
    }

    /// Declares a setting; `Core::option` has what it is at the moment. A handler of `configure` finds new values in
    /// its event and may refuse them with an error; they hold when it has accepted them.
    pub fn option(&mut self, option: Value) {
        self.declared.entry("options").or_default().push(option);
    }

    /// Declares what others may have the addon do; `args` of the event is what the caller sent.
    pub fn command(&mut self, command: Value, run: impl Fn(&Event) -> Answer + Send + Sync + 'static) {
        self.handle(format!("command {}", command.get("name").text()), run);
        self.declared.entry("commands").or_default().push(command);
    }

    /// Asks for a call of the core, such as `flow.get`.
    pub fn permission(&mut self, name: &str) {
        self.declared.entry("permissions").or_default().push(name.into());
    }

    /// Has something run once, at shutdown or when the connection ends; declared once.
    pub fn at_end(&mut self, run: impl FnOnce() + Send + 'static) {
        let once = Mutex::new(Some(run));
        self.handle("shutdown".into(), move |_| {
            // The lock is held meanwhile: an end of the connection waits for what shutdown began.
            locked(&once).take().into_iter().for_each(|run| run());
            Ok(Value::Null)
        });
    }

    /// Connects and serves until the connection ends, which is no error.
    pub fn run(mut self) -> Result<(), Failure> {
        let options = self.declared.get("options").cloned().unwrap_or_default();
        if !options.is_empty() && !self.handlers.contains_key("configure") {
            self.on("configure", |_| Ok(Value::Null));
        }
        let (reader, writer) = connect()?;
        // What is observed has no number, which counts as 0, and is never withdrawn.
        let state = Mutex::new(State { declared: options, events: HashSet::from([0]), ..State::default() });
        let core = Arc::new(Core { writer: Mutex::new(writer), state, withdrawal: Condvar::new() });
        let (observed, events) = mpsc::sync_channel::<Event>(MAX_OBSERVED);
        std::thread::spawn(move || events.into_iter().for_each(Event::serve));
        let (mut reader, mut line) = (BufReader::with_capacity(1 << 16, reader), Vec::new());
        loop {
            line.clear();
            // A connection that breaks off has ended, too.
            let _ = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line);
            match Value::parse(&line) {
                Ok(Value::Object(message)) if line.ends_with(b"\n") => self.received(&core, message, &observed),
                found if line.len() > MAX_LINE || line.ends_with(b"\n") => {
                    let (why, begin) = (found.err().unwrap_or("no object".into()), String::from_utf8_lossy(&line));
                    return Err(format!("bad line of {} bytes from the core: {why}: {begin:.80}", line.len()).into());
                }
                _ => {
                    self.event(&core, "shutdown", Value::Null, Value::Null).serve();
                    return Ok(());
                }
            }
            line.shrink_to(1 << 16);
        }
    }

    fn event(&self, core: &Arc<Core>, name: &str, id: Value, params: Value) -> Event {
        let command = format!("command {}", params.get("name").text());
        let handler = self.handlers.get(if name == "command" { &command[..] } else { name }).cloned();
        Event { name: name.to_string(), params, core: core.clone(), id, handler, body: Mutex::default() }
    }

    fn hello(&self) -> Value {
        let list = |name| self.declared.get(name).cloned().unwrap_or_default();
        object! {
            "protocol" => 1, "name" => self.name.clone(), "version" => self.version.clone(), "hooks" => list("hooks"),
            "options" => list("options"), "commands" => list("commands"), "permissions" => list("permissions"),
            "limits" => object! {"max_line" => MAX_LINE},
        }
    }

    /// Deals with one message of the core. It never waits: what takes time or writes has its own thread.
    fn received(&self, core: &Arc<Core>, mut message: Vec<(String, Value)>, observed: &mpsc::SyncSender<Event>) {
        let [id, method, params] = ["id", "method", "params"].map(|name| {
            message.iter_mut().find(|(own, _)| own == name).map_or(Value::Null, |(_, own)| std::mem::take(own))
        });
        match (method.text(), id.is_null()) {
            ("", _) => drop(core.state().calls.get(&id.int()).map(|caller| caller.send(Value::Object(message)))),
            ("initialize", false) => {
                core.state().limits = params.get("limits").clone();
                core.state().options = params.get("options").clone();
                core.answer(&id, Ok(self.hello()));
            }
            ("cancel", true) => {
                core.state().events.remove(&params.get("id").int());
                core.withdrawal.notify_all();
            }
            (what, true) if what.starts_with("stream.") => {
                let number = params.get("s").int();
                drop(core.state().streams.get(&number).map(|stream| stream.send((what.to_string(), params))));
            }
            (method, is_observed) => {
                let event = self.event(core, method, id, params);
                if !is_observed {
                    event.begin();
                } else if event.handler.is_some() && observed.try_send(event).is_err() {
                    eprintln!("weir: {MAX_OBSERVED} observed events wait already, one is dropped");
                }
            }
        }
    }

}
