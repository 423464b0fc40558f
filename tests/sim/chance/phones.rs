//! What people with phones do.

use super::{Chance, PHONES};
use crate::kit::phone::OnCall;
use chorus::sdp::Direction;

impl Chance {
    /// Phones that are answered say something now and then, else they would be taken for gone.
    pub(super) fn murmur(&mut self) {
        for i in 0..self.w.phones.len() {
            if self.w.phones[i].answered && !self.w.phones[i].silent {
                self.w.with_phone(i, |p, now| p.murmur(now));
            }
        }
    }

    pub(super) fn idle(&mut self) -> Option<usize> {
        let idle = (1..self.w.phones.len()).filter(|i| self.w.phones[*i].leg.is_none()).collect();
        self.one(idle)
    }

    pub(super) fn busy(&mut self) -> Option<usize> {
        let busy = (0..self.w.phones.len()).filter(|i| self.w.phones[*i].leg.is_some()).collect();
        self.one(busy)
    }

    pub(super) fn talking(&mut self) -> Option<usize> {
        let talking = (0..self.w.phones.len()).filter(|i| self.w.phones[*i].answered).collect();
        self.one(talking)
    }

    pub(super) fn dial(&mut self) {
        // Not everybody at once, so that there is somebody to be called.
        let live = self.w.phones.iter().filter(|p| p.leg.is_some()).count();
        let Some(phone) = self.idle().filter(|_| live < 4) else { return };
        self.count();
        self.w.phones[phone].silent = false;
        let headers = if self.chance(20) { vec![("X-Order".to_owned(), "7".to_owned())] } else { vec![] };
        self.w.dial_with(phone, "+15550001", "+15559999", headers);
    }

    pub(super) fn dial_nobody(&mut self) {
        let Some(phone) = self.idle() else { return };
        self.count();
        self.w.dial(phone, "+15550077");
    }

    pub(super) fn hang_up(&mut self) {
        let Some(phone) = self.busy() else { return };
        self.count();
        self.w.hang_up(phone);
    }

    pub(super) fn press(&mut self) {
        let Some(phone) = self.talking() else { return };
        self.count();
        let keys = ["1", "2", "*", "#", "42#", "9"][self.rng.below(6) as usize];
        self.w.press(phone, keys);
    }

    pub(super) fn info(&mut self) {
        let Some(phone) = self.talking() else { return };
        self.count();
        let body = "Signal=5\r\nDuration=160\r\n".into();
        self.w.raw(phone, "INFO", Some(("application/dtmf-relay", body)));
    }

    pub(super) fn reoffer(&mut self, method: &str, direction: Direction) {
        let Some(phone) = self.talking() else { return };
        self.count();
        self.w.reoffer(phone, method, direction);
    }

    pub(super) fn behave(&mut self) {
        self.count();
        let phone = self.rng.below(u64::from(PHONES)) as usize;
        let ms = self.rng.below(4_000);
        self.w.phones[phone].on_call = match self.rng.below(10) {
            0 => OnCall::Ring,
            1 => OnCall::EarlyMedia(ms),
            2 => OnCall::Refuse([486, 404, 480, 503, 603, 500, 488][self.rng.below(7) as usize]),
            _ => OnCall::Answer(ms),
        };
    }

    pub(super) fn fall_silent(&mut self) {
        let Some(phone) = self.talking() else { return };
        self.count();
        self.w.phones[phone].silent = true;
    }
}
