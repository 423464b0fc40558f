//! The database and the disk, which fail when they are told to, and the death of the process.

use super::queue::Ev;
use super::{SYNC_US, World, engines, switch};
use chorus::media::engine::{DiskOp, DiskReport, Out};
use chorus::sid::RecordingSid;
use chorus::store::rows::CallRow;
use chorus::store::tx::{Backend, StoreError, Tx, TxId};
use chorus::switch::Input;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// When a process dies, seen from one of its transactions.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    /// It was given to the writer, nothing of it was written.
    Unwritten,
    /// It was written; the disk had not synced it.
    Unsynced,
    /// It was synced; nobody was told.
    Untold,
}

impl World {
    pub(super) fn dies_at(&mut self, n: u64, how: Death) -> bool {
        let dies = self.dies == Some((n, how));
        if dies {
            self.count(match how {
                Death::Unwritten => "crash unwritten",
                Death::Unsynced => "crash unsynced",
                Death::Untold => "crash untold",
            });
            self.dies = None;
            self.crash();
        }
        dies
    }

    pub(super) fn write(&mut self, id: TxId, tx: &Tx) {
        self.commits += 1;
        if self.dies_at(self.commits, Death::Unwritten) {
            return;
        }
        if self.database_down {
            let result = Err(StoreError::Unavailable("down".to_owned()));
            return self.at(SYNC_US, Ev::Synced(self.commits, id, result));
        }
        let result = self.store.apply(std::slice::from_ref(tx)).remove(0);
        self.oracle.applied(tx, &result);
        if !self.dies_at(self.commits, Death::Unsynced) {
            self.at(SYNC_US, Ev::Synced(self.commits, id, result));
        }
    }

    pub(super) fn synced(&mut self, n: u64, id: TxId, result: Result<(), StoreError>) {
        if result.is_ok() {
            self.store.sync();
            self.oracle.synced(self.now.mono);
        }
        if !self.dies_at(n, Death::Untold) {
            self.input(Input::Committed(id, result));
        }
    }

    /// A recording whose leg moved is reported to where it lives now: the others do not know it.
    pub(super) fn disk_reports(&mut self, report: DiskReport) {
        let now = self.now;
        let mut out = std::mem::take(&mut self.out);
        for engine in &mut self.engines {
            engine.on_disk(now, copy(&report), &mut out);
        }
        self.out = out;
        self.drain_engine(0);
    }

    /// The code of this call panics after so many more effects; then, perhaps, again while it ends.
    #[cfg(feature = "mutants")]
    pub fn break_call(&mut self, call: chorus::sid::CallSid, effects: u32, again: Option<u32>) {
        self.broken.insert(call);
        chorus::mutants::panic_in(call, effects, again);
    }

    pub(super) fn panicked(&mut self, words: String) {
        match self.broken.iter().any(|call| words.contains(&call.to_string())) {
            true => self.count("fault panic"),
            false => self.oracle.complain(words),
        }
    }

    /// The wall clock is set to another time.
    pub fn set_clock(&mut self, skew_ms: i64) {
        self.skew_ms = skew_ms;
        self.advance_to(self.now.mono.0);
    }

    /// The process dies and another one starts on what the store and the disk kept.
    pub fn crash(&mut self) {
        self.store.crash();
        self.crashes += 1;
        self.oracle.crashed(self.now.mono);
        self.await_byes();
        for agent in self.agents.values_mut() {
            agent.ended();
        }
        self.queue
            .retain(|Reverse(e)| matches!(e.ev, Ev::Later(..) | Ev::SipToPhone(..) | Ev::Wake | Ev::Tick));
        self.switch = switch(&mut self.rng, &self.sip, self.events.clone());
        if self.at_random {
            self.switch.place_at_random();
        }
        if let Some(window) = self.window {
            self.switch.hold_callbacks(window);
        }
        self.engines = engines(&mut self.rng);
        self.out = Out::new();
        self.homes.clear();
        self.draining.clear();
        self.agents.clear();
        self.break_connections();
        self.wake_at = None;
        self.line("chorus", "chorus", "crash and restart");
        self.reload();
        let mut found = self.store.recover().unwrap();
        found.talked = self
            .store
            .all::<CallRow>()
            .filter_map(|c| Some((c.account, c.ended?, c.ended?.seconds_since(c.answered?))))
            .collect();
        if self.quiet {
            // Nobody listens to them: only those are kept whose rows are about to be ended.
            let live: Vec<RecordingSid> = found.recordings.iter().map(|r| r.sid).collect();
            self.files.retain(|sid, _| live.contains(sid));
        }
        let recorded = self.files.iter().map(|(sid, f)| (*sid, f.len() as u64 / 16)).collect();
        self.switch.recover(self.now, found, &recorded);
        while let Some(o) = self.switch.poll() {
            self.perform(o);
        }
        self.rearm();
    }
}

pub(super) fn disk(
    files: &mut BTreeMap<RecordingSid, Vec<u8>>,
    full: bool,
    worker: usize,
    op: DiskOp,
) -> Option<Ev> {
    let report = match op {
        DiskOp::Create { recording, .. } if full => DiskReport::Failed { recording },
        DiskOp::Create { recording, .. } => {
            files.insert(recording, vec![]);
            return None;
        }
        DiskOp::Write { recording, .. } if full => DiskReport::Failed { recording },
        DiskOp::Write { recording, buffer } => {
            files.entry(recording).or_default().extend_from_slice(&buffer);
            DiskReport::Written { recording, buffer }
        }
        DiskOp::Close { recording, keep, ms } => {
            if let (Some(keep), Some(f)) = (keep, files.get_mut(&recording)) {
                f.truncate(keep as usize);
            }
            DiskReport::Closed { recording, ms }
        }
    };
    Some(Ev::Disk(worker, report))
}

fn copy(r: &DiskReport) -> DiskReport {
    match r {
        DiskReport::Written { recording, buffer } => {
            DiskReport::Written { recording: *recording, buffer: buffer.clone() }
        }
        DiskReport::Failed { recording } => DiskReport::Failed { recording: *recording },
        DiskReport::Closed { recording, ms } => DiskReport::Closed { recording: *recording, ms: *ms },
    }
}
