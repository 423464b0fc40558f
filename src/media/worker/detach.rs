//! (s) A leg on its way from one worker to another, with its sockets, its streams and what waits in them.

use super::legs::LegSockets;
use super::run::Thread;
use super::stream::StreamSocket;
use crate::media::engine::LegState;
use crate::sid::StreamSid;
use crate::sip::event::LegId;

/// Only carried; dropping it ends the leg without a word.
pub struct Detached {
    leg: LegId,
    state: Box<LegState>,
    sockets: Option<LegSockets>,
    streams: Vec<(StreamSid, Option<StreamSocket>)>,
}

impl Detached {
    /// Which leg.
    pub fn leg(&self) -> LegId {
        self.leg
    }
}

impl std::fmt::Debug for Detached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detached({:?})", self.leg)
    }
}

impl Thread {
    pub(super) fn detach(&mut self, leg: LegId) -> Option<Box<Detached>> {
        let state = self.engine.detach(leg)?;
        let sockets = self.legs.remove(leg, self.poll.registry());
        let streams = self.streams.take(leg, self.poll.registry());
        Some(Box::new(Detached { leg, state, sockets, streams }))
    }

    pub(super) fn attach(&mut self, d: Detached) {
        let Detached { leg, state, sockets, streams } = d;
        let now = (self.clock)();
        self.engine.attach(now, leg, state, &mut self.out);
        if let Some(s) = sockets
            && let Err(e) = self.legs.insert(s, self.poll.registry())
        {
            tracing::error!(leg = leg.0, error = %e, "a moved leg has no sockets any more");
        }
        for (stream, socket) in streams {
            self.streams.announce(stream, leg);
            let Some(socket) = socket else { continue };
            match self.streams.insert(socket, self.poll.registry()) {
                // Plaintext may lie inside rustls already, of which no readiness will tell.
                Ok(slot) => self.again.push(super::slots::Which::Stream(slot)),
                Err(_) => self.broken.push(stream),
            }
        }
        self.flush(now);
    }
}
