use crate::{object, Core, Failure, Headers, Value};
use std::collections::VecDeque;
use std::sync::{mpsc, Arc};

/// A body that comes in pieces and goes as others. What was read counts as dealt with, and the core may send as much
/// anew, when the next piece is asked for; writing waits until the core takes it.
pub struct Stream {
    core: Arc<Core>,
    number: i64,
    said: mpsc::Receiver<(String, Value)>,
    pieces: VecDeque<Vec<u8>>,
    dealt: usize,
    room: usize,
    most: usize,
    /// The core's `stream.end` or `stream.reset`, null before.
    last: Value,
    ending: Value,
}

impl Stream {
    /// Makes the stream known, from which on it hears what the core says of it.
    pub(crate) fn open(core: Arc<Core>, number: i64) -> Stream {
        let room = core.limit("stream_credit", 262_144) as usize;
        let (sender, said) = mpsc::channel();
        core.state().streams.insert(number, sender);
        let (pieces, most, last, ending) = (VecDeque::new(), (room + 1) / 2, Value::Null, object! {"s" => number});
        Stream { core, number, said, pieces, dealt: 0, room, most, last, ending }
    }

    /// Takes what the core has said, and waits until that is enough. The error is its reason why the stream is over.
    fn hear(&mut self, is_enough: impl Fn(&Stream) -> bool) -> Result<(), Failure> {
        loop {
            let why = self.last.get("why").text();
            let (kind, params) = match self.said.try_recv() {
                Ok(said) => said,
                Err(_) if !why.is_empty() => return Err(format!("the stream is over: {why}").into()),
                Err(_) if is_enough(self) => return Ok(()),
                Err(_) => self.said.recv()?,
            };
            match &kind[..] {
                "stream.data" => self.pieces.extend(params.get("data").bytes()),
                "stream.credit" => self.room += params.get("bytes").int() as usize,
                "stream.end" | "stream.reset" => self.last = params,
                _ => {}
            }
        }
    }

    /// The next piece, none at the end of what comes.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.dealt > 0 {
            self.core.notify("stream.credit", object! {"s" => self.number, "bytes" => self.dealt});
        }
        self.dealt = 0;
        self.hear(|own| !own.pieces.is_empty() || !own.last.is_null())?;
        let piece = self.pieces.pop_front();
        self.dealt = piece.as_ref().map_or(0, Vec::len);
        Ok(piece)
    }

    /// Sends bytes as the core takes them.
    pub fn write(&mut self, mut data: &[u8]) -> Result<(), Failure> {
        while !data.is_empty() {
            self.hear(|own| own.room > 0)?;
            let (piece, rest) = data.split_at(data.len().min(self.most).min(self.room));
            self.room -= piece.len();
            self.core.notify("stream.data", object! {"s" => self.number, "data" => Value::from_bytes(piece)});
            data = rest;
        }
        Ok(())
    }

    /// Says that no more is wanted: what is under way still comes, then the end, and the rest passes untouched.
    pub fn detach(&mut self) {
        self.core.notify("stream.detach", object! {"s" => self.number});
    }

    /// A sign of life for one that needs longer than its hook's timeout for a piece.
    pub fn alive(&self) {
        self.core.notify("stream.credit", object! {"s" => self.number, "bytes" => 0});
    }

    /// At the end of what comes: whether it ended because of `detach`.
    pub fn is_detached(&self) -> bool {
        *self.last.get("detached") == Value::Bool(true)
    }

    /// The trailers that came behind the body; none before its end.
    pub fn trailers(&self) -> Option<Headers> {
        Some(self.last.get("trailers")).filter(|trailers| !trailers.is_null()).map(Headers::from)
    }

    /// Puts other trailers, or none, in their place.
    pub fn set_trailers(&mut self, trailers: Option<Headers>) {
        self.ending = object! {"s" => self.number, "trailers" => trailers.map_or(Value::Null, Value::from)};
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
    pub(crate) fn finish(mut self, made: Result<(), Failure>) {
        self.core.state().streams.remove(&self.number);
        if let Err(failure) = made {
            self.ending = object! {"s" => self.number, "status" => "error", "message" => failure.to_string()};
        }
        if self.last.get("why").is_null() {
            self.core.notify("stream.end", self.ending);
        }
    }
}
