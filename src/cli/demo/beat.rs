//! (s) A thread of nobody, which only has to wake up in time: how late the machine lets one come. What packets are late beyond
//! that is Chorus' own.

use crate::clock::Mono;
use crate::server::now;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// One step: that of the media workers.
const STEP_US: u64 = 5_000;

/// What it saw.
#[derive(Copy, Clone, Debug, Default)]
pub struct Beats {
    /// Steps that were due.
    pub all: u64,
    /// Those that it could only do more than [`LATE_US`](crate::cli::ear::LATE_US) after their time.
    pub late: u64,
}

impl Beats {
    /// Share of the late ones.
    pub fn share(&self) -> f64 {
        if self.all == 0 { 0.0 } else { self.late as f64 / self.all as f64 }
    }

    /// It woke up at `woke`, and the step after `done` was the first due. Returns the last that was.
    pub fn on_wake(&mut self, done: u64, woke: Mono) -> u64 {
        let reached = (woke.0 / STEP_US).max(done);
        let late_before = woke.0.saturating_sub(crate::cli::ear::LATE_US.unsigned_abs()).div_ceil(STEP_US);
        self.all += reached - done;
        self.late += late_before.saturating_sub(done + 1);
        reached
    }
}

/// The running thread.
pub struct Beat {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Beats>,
}

impl Beat {
    /// Starts it.
    ///
    /// # Errors
    /// No thread.
    pub fn start() -> Result<Beat, String> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = thread::Builder::new().name("demo beat".to_owned()).spawn(move || run(&told));
        Ok(Beat { stop, thread: thread.map_err(|e| format!("no thread for the demo: {e}"))? })
    }

    /// Ends it; what it saw.
    pub fn stop(self) -> Beats {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn run(stop: &AtomicBool) -> Beats {
    let mut beats = Beats::default();
    let mut done = now().mono.0 / STEP_US;
    while !stop.load(Ordering::Relaxed) {
        let next = Mono((done + 1) * STEP_US);
        thread::sleep(Duration::from_micros(next.0.saturating_sub(now().mono.0)));
        done = beats.on_wake(done, now().mono);
    }
    beats
}
