//! (s) Reports to the driver. The tick never waits for it.

use super::counters::{self, Counters};
use crate::media::event::{AgentEvent, MediaEvent};
use std::collections::VecDeque;
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// Reports that may wait for a driver that is behind.
const WAITING_MAX: usize = 65_536;
/// From here on notes for the timeline are let go.
const NOTES_MAX: usize = 1_024;

pub(super) struct Events {
    to: Sender<MediaEvent>,
    waiting: VecDeque<MediaEvent>,
}

impl Events {
    pub(super) fn new(to: Sender<MediaEvent>) -> Events {
        Events { to, waiting: VecDeque::new() }
    }

    /// In order, now or later.
    pub(super) fn push(&mut self, e: MediaEvent, c: &Counters) {
        self.waiting.push_back(e);
        self.offer(c);
    }

    /// Some reports still wait.
    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Offers what waits.
    pub(super) fn offer(&mut self, c: &Counters) {
        while let Some(e) = self.waiting.pop_front() {
            match self.to.try_send(e) {
                Ok(()) => {}
                Err(TrySendError::Full(e)) => {
                    self.waiting.push_front(e);
                    return self.bound(c);
                }
                // Nobody is left to hear of it.
                Err(TrySendError::Closed(_)) => {}
            }
        }
    }

    /// A driver that is hopelessly behind loses notes first, the newest of all last.
    fn bound(&mut self, c: &Counters) {
        let is_note = |e: &MediaEvent| matches!(e, MediaEvent::Agent(_, _, AgentEvent::Message { .. }));
        let last_is_note = self.waiting.back().is_some_and(is_note);
        if (self.waiting.len() > NOTES_MAX && last_is_note) || self.waiting.len() > WAITING_MAX {
            self.waiting.pop_back();
            counters::add(&c.events_lost, 1);
        }
    }
}
