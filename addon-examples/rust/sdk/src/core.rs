//! The core as an addon sees it: what may be asked of it, told to it, and what its options are.

use crate::event::Withdrawal;
use crate::json::Value;
use crate::link::{locked, Threads};
use crate::stream::Flow;
use crate::{object, Answer};
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{mpsc, Arc, Mutex};

/// What the core answers to a call that it refuses; `kind` is a word of section 8.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: i64,
    pub kind: String,
    pub message: String,
    pub path: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str(&self.message)
    }
}
impl std::error::Error for Refusal {}

/// May be used from every thread; events have it as `core`.
pub struct Core {
    writer: Mutex<File>,
    number: AtomicI64,
    calls: Mutex<HashMap<i64, mpsc::Sender<Value>>>,
    max_line: AtomicI64,
    pub(crate) credit: AtomicI64,
    pub(crate) options: Mutex<HashMap<String, Value>>,
    pub(crate) events: Mutex<HashMap<i64, Arc<Withdrawal>>>,
    pub(crate) streams: Mutex<HashMap<i64, Arc<Flow>>>,
    pub(crate) threads: Threads,
}

impl Core {
    pub(crate) fn new(writer: File, options: HashMap<String, Value>) -> Core {
        Core {
            writer: Mutex::new(writer),
            number: AtomicI64::new(1),
            max_line: AtomicI64::new(16 << 20),
            credit: AtomicI64::new(262_144),
            options: Mutex::new(options),
            calls: Mutex::default(),
            events: Mutex::default(),
            streams: Mutex::default(),
            threads: Threads::default(),
        }
    }

    /// Writes a message as one line in one piece, false if it is longer than the core takes. That the core is gone is the reader's to find.
    pub(crate) fn send(&self, mut message: Value) -> bool {
        if let Value::Object(members) = &mut message {
            members.insert(0, ("jsonrpc".into(), "2.0".into()));
        }
        let mut line = String::with_capacity(256);
        message.write(&mut line);
        if line.len() as i64 > self.max_line.load(Ordering::Relaxed) {
            eprintln!("weir: a line of {} bytes is too long for the core: {:.80}", line.len(), line);
            return false;
        }
        line.push('\n');
        let _ = locked(&self.writer).write_all(line.as_bytes());
        true
    }

    /// Takes from `initialize` what both sides keep to.
    pub(crate) fn limits(&self, limits: &Value) {
        for (name, limit) in [("stream_credit", &self.credit), ("max_line", &self.max_line)] {
            if limits.get(name).int() > 0 {
                limit.store(limits.get(name).int(), Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn answer(&self, id: &Value, answer: Answer) {
        let failure = match answer {
            Ok(result) => {
                if self.send(object! {"id" => id.clone(), "result" => result}) {
                    return;
                }
                "the answer is too long for the core".into()
            }
            Err(failure) => failure,
        };
        let error = object! {"code" => -32000, "message" => failure.to_string()};
        self.send(object! {"id" => id.clone(), "error" => error});
    }

    pub(crate) fn answered(&self, id: &Value, message: Value) {
        if let Some(waiting) = locked(&self.calls).remove(&id.int()) {
            let _ = waiting.send(message);
        }
    }

    /// Asks the core and waits for its answer; its error is a `Refusal`. Each call needs the permission of its name.
    pub fn call(&self, method: &str, params: Value) -> Answer {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel();
        locked(&self.calls).insert(number, sender);
        if !self.send(object! {"id" => number, "method" => method, "params" => params}) {
            locked(&self.calls).remove(&number);
            return Err("the call is too long for the core".into());
        }
        let answer = receiver.recv()?;
        let error = answer.get("error");
        if error.is_null() {
            return Ok(answer.get("result").clone());
        }
        let text = |path| error.get(path).text().to_string();
        Err(Refusal { code: error.get("code").int(), kind: text("data.kind"), message: text("message"), path: text("data.path") }.into())
    }

    /// Tells the core something that wants no answer.
    pub fn notify(&self, method: &str, params: Value) {
        self.send(object! {"method" => method, "params" => params});
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

    /// The value of an option that the addon has declared.
    pub fn option(&self, name: &str) -> Value {
        locked(&self.options).get(name).cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn configure(&self, values: &Value) {
        for (name, own) in locked(&self.options).iter_mut() {
            if let Value::Object(members) = values {
                if let Some((_, value)) = members.iter().find(|(other, _)| other == name) {
                    *own = value.clone();
                }
            }
        }
    }
}
