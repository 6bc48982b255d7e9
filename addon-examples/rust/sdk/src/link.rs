//! The connection, and the threads that serve it.

use crate::Failure;
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::io::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

extern "C" {
    fn dup2(from: i32, to: i32) -> i32;
}

/// What reads and what writes: the socket that WEIR_ADDON_FD or WEIR_ADDON_SOCKET names, else standard input and output.
pub fn connect() -> Result<(File, File), Failure> {
    let number = match (std::env::var("WEIR_ADDON_FD"), std::env::var("WEIR_ADDON_SOCKET")) {
        (Ok(number), _) => number.parse().map_err(|_| format!("WEIR_ADDON_FD: expected a number, found '{number}'"))?,
        (_, Ok(path)) => {
            let socket = UnixStream::connect(path)?;
            let number = socket.as_raw_fd();
            std::mem::forget(socket);
            number
        }
        _ => 0,
    };
    // The copies are ours alone: no process that we start gets them.
    let (reader, writer) = unsafe { (File::from_raw_fd(number), File::from_raw_fd(number.max(1))) };
    let copies = (reader.try_clone()?, writer.try_clone()?);
    if number == 0 {
        // Prints must not get onto the wire.
        unsafe { dup2(2, 1) };
    } else {
        drop(reader);
    }
    std::mem::forget(writer);
    Ok(copies)
}

/// What a lock guards; a thread that panicked has left it whole.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run jobs: as many as there were jobs at a time, which the core bounds.
#[derive(Clone, Default)]
pub struct Threads(Arc<(Mutex<(VecDeque<Job>, usize)>, Condvar)>);

impl Threads {
    /// Never waits for another job.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = locked(&self.0 .0);
        state.0.push_back(Box::new(job));
        if state.1 >= state.0.len() {
            return self.0 .1.notify_one();
        }
        drop(state);
        let threads = self.clone();
        std::thread::spawn(move || loop {
            threads.next()();
        });
    }

    /// The next job, as soon as there is one.
    fn next(&self) -> Job {
        let mut state = locked(&self.0 .0);
        loop {
            if let Some(job) = state.0.pop_front() {
                return job;
            }
            state.1 += 1;
            state = self.0 .1.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.1 -= 1;
        }
    }
}
