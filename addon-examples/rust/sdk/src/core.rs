//! The core as an addon sees it: the connection, what may be asked of it and told to it, and what its options are.

use crate::{object, Answer, Event, Failure, Value};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::os::unix::io::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{mpsc, Condvar, Mutex, MutexGuard, PoisonError};

/// The id of the next call.
static CALLED: AtomicI64 = AtomicI64::new(1);

extern "C" {
    fn dup2(from: i32, to: i32) -> i32;
}

/// What reads and what writes: the socket that WEIR_ADDON_FD or WEIR_ADDON_SOCKET names, else standard input and
/// output, which are number 0.
pub fn connect() -> Result<(File, File), Failure> {
    let socket = match (std::env::var("WEIR_ADDON_FD"), std::env::var("WEIR_ADDON_SOCKET")) {
        (Ok(number), _) if number != "0" => {
            let number = number.parse().map_err(|_| format!("WEIR_ADDON_FD: expected a number, found '{number}'"))?;
            unsafe { OwnedFd::from_raw_fd(number) }
        }
        (Err(_), Ok(path)) => UnixStream::connect(path)?.into(),
        _ => {
            let (reader, writer) = (std::io::stdin(), std::io::stdout());
            let copies = (reader.as_fd().try_clone_to_owned()?, writer.as_fd().try_clone_to_owned()?);
            // Prints must not get onto the wire.
            unsafe { dup2(2, 1) };
            return Ok((copies.0.into(), copies.1.into()));
        }
    };
    // The copies are ours alone: no process that we start gets them.
    Ok((socket.try_clone()?.into(), socket.try_clone()?.into()))
}

/// What a lock guards; a thread that panicked has left it whole.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the core answers to a call that it refuses; `kind` is a word of section 8. A handler that fails with one
/// answers its code.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: i64,
    pub kind: String,
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str(&self.message)
    }
}
impl std::error::Error for Refusal {}

/// What the core has said, which events wait for their answer, who waits for what of the core, and idle threads.
#[derive(Default)]
pub struct State {
    pub limits: Value,
    pub options: Value,
    pub declared: Vec<Value>,
    pub events: HashSet<i64>,
    pub calls: HashMap<i64, mpsc::Sender<Value>>,
    pub streams: HashMap<i64, mpsc::Sender<(String, Value)>>,
    pub idle: Vec<mpsc::Sender<Event>>,
}

/// May be used from every thread; events have it as `core`.
pub struct Core {
    pub(crate) writer: Mutex<File>,
    pub(crate) state: Mutex<State>,
    pub(crate) withdrawal: Condvar,
}

impl Core {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// A limit that the core has stated, else what the protocol says.
    pub(crate) fn limit(&self, name: &str, otherwise: i64) -> i64 {
        Some(self.state().limits.get(name).int()).filter(|stated| *stated > 0).unwrap_or(otherwise)
    }

    /// Writes a message as one line in one piece. That the core is gone is the reader's to find.
    fn send(&self, message: Value) -> Result<(), Failure> {
        let mut line = String::with_capacity(256);
        message.write(&mut line);
        if line.len() as i64 > self.limit("max_line", 16 << 20) {
            return Err(format!("a line of {} bytes is too long for the core", line.len()).into());
        }
        line.push('\n');
        let _ = locked(&self.writer).write_all(line.as_bytes());
        Ok(())
    }

    pub(crate) fn answer(&self, id: &Value, answer: Answer) {
        let message = |name: &str, made: Value| object! {"jsonrpc" => "2.0", "id" => id.clone(), name => made};
        if let Err(failure) = answer.and_then(|result| self.send(message("result", result))) {
            let code = failure.downcast_ref().map_or(-32000, |refusal: &Refusal| refusal.code);
            let _ = self.send(message("error", object! {"code" => code, "message" => failure.to_string()}));
        }
    }

    /// Asks the core and waits for its answer; its error is a `Refusal`. Each call needs the permission of its name.
    pub fn call(&self, method: &str, params: Value) -> Answer {
        let (caller, answers) = mpsc::channel();
        let id = CALLED.fetch_add(1, Ordering::Relaxed);
        self.state().calls.insert(id, caller);
        let sent = self.send(object! {"jsonrpc" => "2.0", "id" => id, "method" => method, "params" => params});
        let answer = sent.and_then(|_| Ok(answers.recv()?));
        self.state().calls.remove(&id);
        let answer = answer?;
        let error = answer.get("error");
        if error.is_null() {
            return Ok(answer.get("result").clone());
        }
        let text = |path| error.get(path).text().to_string();
        Err(Refusal { code: error.get("code").int(), kind: text("data.kind"), message: text("message") }.into())
    }

    /// Tells the core something that wants no answer.
    pub fn notify(&self, method: &str, params: Value) {
        if let Err(failure) = self.send(object! {"jsonrpc" => "2.0", "method" => method, "params" => params}) {
            eprintln!("weir: '{method}': {failure}");
        }
    }

    /// Writes a line to the proxy's log; levels are debug, info, warn and error.
    pub fn log(&self, level: &str, text: &str) {
        self.notify("log", object! {"level" => level, "msg" => text});
    }

    /// Adds to a counter that the core keeps; needs the permission `metrics.add`. `labels` is an object of texts.
    pub fn metrics(&self, name: &str, value: f64, labels: Value) {
        let entry = object! {"name" => name, "value" => value, "labels" => labels};
        self.notify("metrics.add", object! {"metrics" => vec![entry]});
    }

    /// The value of an option: what the core has said of it, else its default.
    pub fn option(&self, name: &str) -> Value {
        let state = self.state();
        let declared = state.declared.iter().find(|option| option.get("name").text() == name);
        let default = declared.and_then(|option| option.member("default"));
        state.options.member(name).or(default).cloned().unwrap_or_default()
    }
}
