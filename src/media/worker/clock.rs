//! (s) The process's clock.

use crate::clock::{Mono, Now, Wall};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Reads both clocks.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// One clock for the whole process: made once, cloned to everybody, because `Mono` counts from its making.
pub fn system_clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || {
        let mono = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Now { mono: Mono(mono), wall: Wall(i64::try_from(wall).unwrap_or(i64::MAX)) }
    })
}
