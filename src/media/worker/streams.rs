//! (s) The streams of this worker: which leg each belongs to, and its connection once there is one.

use super::slots::{Slots, Which};
use super::stream::StreamSocket;
use crate::clock::Mono;
use crate::idmap::IdMap;
use crate::sid::StreamSid;
use crate::sip::event::LegId;
use mio::Registry;
use std::io;

struct Known {
    leg: LegId,
    slot: Option<usize>,
}

pub(super) struct Streams {
    slots: Slots<StreamSocket>,
    known: IdMap<StreamSid, Known>,
}

impl Streams {
    pub(super) fn new() -> Streams {
        Streams { slots: Slots::new(), known: IdMap::default() }
    }

    /// Connections.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// A stream will come.
    pub(super) fn announce(&mut self, stream: StreamSid, leg: LegId) {
        self.known.insert(stream, Known { leg, slot: None });
    }

    pub(super) fn leg_of(&self, stream: StreamSid) -> Option<LegId> {
        self.known.get(&stream).map(|k| k.leg)
    }

    /// A stream that nobody waits for any more has no use for its connection.
    pub(super) fn is_expected(&self, stream: StreamSid) -> bool {
        self.known.get(&stream).is_some_and(|k| k.slot.is_none())
    }

    pub(super) fn insert(&mut self, mut s: StreamSocket, registry: &Registry) -> io::Result<usize> {
        let i = self.slots.next();
        let interest = s.interest();
        registry.register(s.link.socket(), Which::Stream(i).token(), interest)?;
        if let Some(k) = self.known.get_mut(&s.stream) {
            k.slot = Some(i);
        }
        Ok(self.slots.insert(s))
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut StreamSocket> {
        self.slots.get_mut(slot)
    }

    pub(super) fn by_id(&mut self, stream: StreamSid) -> Option<(usize, &mut StreamSocket)> {
        let i = self.known.get(&stream)?.slot?;
        Some((i, self.slots.get_mut(i)?))
    }

    /// Whether what comes on an open connection wakes the worker up from now on. False if it could not be told to the kernel.
    pub(super) fn wait_for(&mut self, slot: usize, wanted: bool, registry: &Registry) -> bool {
        let Some(s) = self.slots.get_mut(slot) else { return false };
        if s.waited_for == wanted {
            return true;
        }
        s.waited_for = wanted;
        let interest = s.interest();
        let done = registry.reregister(s.link.socket(), Which::Stream(slot).token(), interest).is_ok();
        s.waited_for = wanted == done;
        done
    }

    /// The stream is over for the engine; its connection may linger under its number.
    pub(super) fn forget(&mut self, stream: StreamSid) {
        self.known.remove(&stream);
    }

    /// Closes a connection.
    pub(super) fn remove(&mut self, slot: usize, registry: &Registry) -> Option<StreamSocket> {
        let mut s = self.slots.remove(slot)?;
        let _ = registry.deregister(s.link.socket());
        if self.known.get(&s.stream).is_some_and(|k| k.slot == Some(slot)) {
            self.known.remove(&s.stream);
        }
        Some(s)
    }

    /// A connection whose deadline has passed.
    pub(super) fn overdue(&mut self, now: Mono) -> Option<usize> {
        self.slots.iter_mut().find(|(_, s)| s.deadline.is_some_and(|d| d <= now)).map(|(i, _)| i)
    }

    /// The streams of a leg with their connections, to go to another worker.
    pub(super) fn take(&mut self, leg: LegId, registry: &Registry) -> Vec<(StreamSid, Option<StreamSocket>)> {
        let of_leg: Vec<_> =
            self.known.iter().filter(|(_, k)| k.leg == leg).map(|(s, k)| (*s, k.slot)).collect();
        let taken = of_leg.into_iter().map(|(stream, slot)| {
            let socket = slot.and_then(|i| self.remove(i, registry));
            self.known.remove(&stream);
            (stream, socket)
        });
        taken.collect()
    }
}
