//! Seeds on two threads; what occurred, summed up.

use super::chance::Chance;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub struct Outcome {
    pub hash: u64,
    pub counted: BTreeMap<String, u64>,
    pub wrong: Vec<String>,
    pub step: usize,
    pub picture: String,
    pub trace: Vec<(chorus::sid::CallSid, chorus::store::rows::Line)>,
}

/// One seed, until it is over or something is wrong.
pub fn seed(seed: u64, steps: usize, loud: bool) -> Outcome {
    let mut c = Chance::new(seed);
    c.w.quiet = !loud;
    let mut step = 0;
    while step < steps && c.w.oracle.wrong.is_empty() {
        c.step();
        step += 1;
    }
    if c.w.oracle.wrong.is_empty() {
        c.end();
    }
    let mut counted: BTreeMap<String, u64> = c.w.counted.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
    counted.extend(c.w.oracle.edges.iter().map(|(k, v)| (format!("status {k}"), *v)));
    let picture = if loud { c.w.picture() } else { String::new() };
    Outcome { hash: c.w.hash.finish(), counted, wrong: c.w.oracle.wrong, step, picture, trace: c.w.trace }
}

#[derive(Default)]
pub struct Sum {
    pub counted: BTreeMap<String, u64>,
    /// Seed, step, what.
    pub failed: Vec<(u64, usize, String)>,
}

/// Many seeds. Stops early once `enough` have failed.
pub fn seeds(range: std::ops::Range<u64>, steps: usize, enough: usize) -> Sum {
    let next = AtomicU64::new(range.start);
    let sum = Mutex::new(Sum::default());
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= range.end || sum.lock().unwrap().failed.len() >= enough {
                return;
            }
            let one = std::panic::catch_unwind(|| seed(n, steps, false));
            let mut sum = sum.lock().unwrap();
            match one {
                Ok(one) => {
                    for (k, v) in one.counted {
                        *sum.counted.entry(k).or_default() += v;
                    }
                    if !one.wrong.is_empty() {
                        println!("seed {n:#x} at step {}: {}", one.step, one.wrong.join("; "));
                        sum.failed.push((n, one.step, one.wrong.join("; ")));
                    }
                }
                Err(_) => sum.failed.push((n, 0, "it panicked".to_owned())),
            }
        }
    };
    std::thread::scope(|s| {
        s.spawn(work);
        s.spawn(work);
    });
    sum.into_inner().unwrap()
}
