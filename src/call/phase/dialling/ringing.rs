//! A Dial's next child.

use super::Dialling;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::{Effect, Spawn};
use crate::call::notify;
use std::collections::VecDeque;

impl Call {
    /// Rings the first of a noun's addresses, if the account may have one more call: looked at when it rings, because those that ring
    /// at the same time count as well. The far end of a trunk's call takes no place of its own: the two are one call.
    pub(super) fn ring(&mut self, cx: &mut Cx<'_>, mut addresses: VecDeque<Spawn>) {
        let far_end = self.trunking.is_some();
        addresses.iter_mut().for_each(|spawn| spawn.far_end = far_end);
        let room = if far_end { Ok(None) } else { cx.room(self.row.account) };
        match room {
            Ok(left) => {
                if let (Some(spawn), Some(left)) = (addresses.front_mut(), left) {
                    spawn.row.time_limit_s = spawn.row.time_limit_s.min(left);
                }
                if let Some(d) = self.dialling() {
                    d.ring(cx, addresses);
                }
            }
            Err(e) => notify::write(cx, &self.row, e.code, &e.words),
        }
    }
}

impl Dialling {
    /// Rings the first of a noun's addresses and keeps the others.
    fn ring(&mut self, cx: &mut Cx<'_>, mut addresses: VecDeque<Spawn>) {
        let Some(spawn) = addresses.pop_front() else { return };
        let sid = spawn.row.sid;
        self.alive.push(sid);
        if !addresses.is_empty() {
            self.further.insert(sid, addresses);
        }
        cx.push(Effect::Spawn(Box::new(spawn)));
    }
}
