//! What goes wrong around Chorus: the database, the disk, the network, the clocks, the process.

use super::Chance;
use crate::kit::world::Death;
use chorus::switch::Input;
use std::time::Duration;

impl Chance {
    pub(super) fn database(&mut self) {
        self.w.database_down = !self.w.database_down && self.chance(60);
        self.w.count(if self.w.database_down { "fault database down" } else { "fault database up" });
    }

    pub(super) fn disk(&mut self) {
        self.w.disk_full = !self.w.disk_full && self.chance(60);
        self.w.count(if self.w.disk_full { "fault disk full" } else { "fault disk free" });
    }

    pub(super) fn ports(&mut self) {
        self.w.ports_gone = !self.w.ports_gone && self.chance(60);
        self.w.count(if self.w.ports_gone { "fault ports gone" } else { "fault ports back" });
    }

    pub(super) fn network(&mut self) {
        let bad = self.chance(50);
        self.w.net.loss = if bad { self.rng.below(31) } else { 0 };
        self.w.net.duplicate = if bad { self.rng.below(20) } else { 0 };
        self.w.net.reorder = if bad { self.rng.below(20) } else { 0 };
        self.w.net.jitter_us = if bad { self.rng.below(40_000) } else { 0 };
        for (fault, name) in [
            (self.w.net.loss, "fault loss"),
            (self.w.net.duplicate, "fault duplication"),
            (self.w.net.reorder, "fault reordering"),
        ] {
            if fault > 0 {
                self.w.count(name);
            }
        }
    }

    /// Now, or at one of the next transactions.
    pub(super) fn crash(&mut self) {
        let n = self.w.commits + 1 + self.rng.below(10);
        match self.rng.below(4) {
            0 => {
                self.w.count("crash between");
                self.w.crash();
            }
            1 => self.w.dies = Some((n, Death::Unwritten)),
            2 => self.w.dies = Some((n, Death::Unsynced)),
            _ => self.w.dies = Some((n, Death::Untold)),
        }
        self.drained = false;
    }

    /// SIGTERM; its successor comes a while later.
    pub(super) fn drain(&mut self) {
        if self.drained {
            self.w.crash();
        } else {
            self.count();
            self.w.input(Input::Drain);
            self.w.dies = Some((self.w.commits + 10, Death::Untold));
        }
        self.drained = !self.drained;
    }
}

impl Chance {
    /// A little, an hour or a day, forwards or backwards; 1970 and 2038; and right again.
    pub(super) fn clock(&mut self) {
        self.count();
        let away = [900, 3_600_000, 86_400_000][self.rng.below(3) as usize];
        let skew = match self.rng.below(8) {
            0 => 0,
            1 => -1_699_999_000_000,
            2 => 447_483_640_000,
            3 | 4 => self.w.skew_ms - away,
            _ => self.w.skew_ms + away,
        };
        self.w.set_clock(skew);
    }

    /// SIGSTOP, or a virtual machine that was taken away for a while.
    pub(super) fn freeze(&mut self) {
        self.count();
        let ms = 1 + self.rng.below(60_000);
        self.w.freeze(Duration::from_millis(ms));
        self.w.run_ms(ms);
    }

    pub(super) fn connection(&mut self) {
        let open = self.w.connections();
        let n = self.rng.below(open.len() as u64) as usize;
        let Some(conn) = open.get(n).copied() else { return };
        self.count();
        self.w.break_connection(conn);
    }

    /// An error of ours in the code of one call, anywhere in what it is doing or about to do.
    #[cfg(feature = "mutants")]
    pub(super) fn panic(&mut self) {
        let Some(call) = self.live() else { return };
        self.count();
        let effects = 1 + self.rng.below(8) as u32;
        let again = self.chance(40).then(|| 1 + self.rng.below(8) as u32);
        self.w.break_call(call, effects, again);
    }

    /// Only where a panic can be planted.
    #[cfg(not(feature = "mutants"))]
    pub(super) fn panic(&mut self) {}
}
