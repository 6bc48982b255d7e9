use crate::core::Core;
use crate::headers::Headers;
use crate::json::Value;
use crate::link::locked;
use crate::{object, Failure};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    room: i64,
    end: Option<Value>,
    over: Option<String>,
}

/// What the core has said of a stream.
#[derive(Default)]
pub struct Flow(Mutex<State>, Condvar);

impl Flow {
    /// Takes a notification. It never waits: credit bounds what may come.
    pub fn heard(&self, kind: &str, params: Value) {
        let mut state = locked(&self.0);
        match kind {
            "data" => state.pieces.extend(params.get("data").bytes()),
            "credit" => state.room += params.get("bytes").int(),
            "end" => state.end = Some(params),
            "reset" => state.over = Some(params.get("why").text().to_string()),
            _ => {}
        }
        self.1.notify_all();
    }

    /// The state as soon as the claim holds; the error is the core's reason why the stream is over.
    fn when(&self, claim: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>, Failure> {
        let mut state = locked(&self.0);
        while state.over.is_none() && !claim(&state) {
            state = self.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match &state.over {
            Some(why) => Err(format!("the stream is over: {why}").into()),
            None => Ok(state),
        }
    }
}

/// A body that comes in pieces and goes as others. What was read counts as dealt with, and the core may send as much anew, when
/// the next piece is asked for; writing waits until the core takes it.
pub struct Stream {
    core: Arc<Core>,
    number: i64,
    flow: Arc<Flow>,
    dealt: usize,
    most: usize,
    ending: Value,
}

impl Stream {
    /// Makes the stream known, from which on it hears what the core says of it.
    pub(crate) fn open(core: &Arc<Core>, number: i64) -> Stream {
        let (flow, credit) = (Arc::new(Flow::default()), core.credit.load(Ordering::Relaxed));
        locked(&flow.0).room = credit;
        locked(&core.streams).insert(number, flow.clone());
        Stream { core: core.clone(), number, flow, dealt: 0, most: (credit as usize + 1) / 2, ending: object! {} }
    }

    fn say(&self, what: &str, mut params: Value) {
        if let Value::Object(members) = &mut params {
            members.push(("s".into(), self.number.into()));
        }
        self.core.notify(&format!("stream.{what}"), params);
    }

    /// The next piece, none at the end of what comes.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.dealt > 0 {
            self.say("credit", object! {"bytes" => self.dealt});
        }
        let piece = self.flow.when(|state| !state.pieces.is_empty() || state.end.is_some())?.pieces.pop_front();
        self.dealt = piece.as_ref().map_or(0, Vec::len);
        Ok(piece)
    }

    /// Sends bytes as the core takes them.
    pub fn write(&mut self, mut data: &[u8]) -> Result<(), Failure> {
        while !data.is_empty() {
            let mut state = self.flow.when(|state| state.room > 0)?;
            let (piece, rest) = data.split_at(data.len().min(self.most).min(state.room as usize));
            state.room -= piece.len() as i64;
            drop(state);
            self.say("data", object! {"data" => Value::from_bytes(piece)});
            data = rest;
        }
        Ok(())
    }

    /// Says that no more is wanted: what is under way still comes, then the end, and the rest passes untouched.
    pub fn detach(&mut self) {
        self.say("detach", object! {});
    }

    /// A sign of life for one that needs longer than its hook's timeout for a piece.
    pub fn alive(&self) {
        self.say("credit", object! {"bytes" => 0});
    }

    fn end(&self, member: &str) -> Value {
        locked(&self.flow.0).end.as_ref().map_or(Value::Null, |end| end.get(member).clone())
    }

    /// At the end of what comes: whether it ended because of `detach`.
    pub fn is_detached(&self) -> bool {
        self.end("detached") == Value::Bool(true)
    }

    /// The trailers that came behind the body; none before its end.
    pub fn trailers(&self) -> Option<Headers> {
        Some(self.end("trailers")).filter(|trailers| !trailers.is_null()).map(|trailers| Headers::from(&trailers))
    }

    /// Puts other trailers, or none, in their place.
    pub fn set_trailers(&mut self, trailers: Option<Headers>) {
        self.ending = object! {"trailers" => trailers.map_or(Value::Null, Value::from)};
    }

    /// Passes on what comes, untouched, to its end.
    pub(crate) fn pass(&mut self) -> Result<(), Failure> {
        self.detach();
        while let Some(piece) = self.read()? {
            self.write(&piece)?;
        }
        Ok(())
    }

    /// Ends the stream with what became of it.
    pub(crate) fn finish(&mut self, made: Result<(), Failure>) {
        locked(&self.core.streams).remove(&self.number);
        if let Err(failure) = made {
            self.ending = object! {"status" => "error", "message" => failure.to_string()};
        }
        if locked(&self.flow.0).over.is_none() {
            self.say("end", self.ending.clone());
        }
    }
}
