//! (s) The worker's loop: wait, read what is there, tick, do what the engine says.

use super::counters::{self, Counters};
use super::events::Events;
use super::legs::{Datagram, LegSockets, Legs};
use super::slots::Which;
use super::streams::Streams;
use super::tick::Ticks;
use super::{Clock, WAKER, WorkerCommand, WorkerConfig};
use crate::clock::Now;
use crate::media::disk::{Disk, Refused, Reply};
use crate::media::engine::{DiskOp, DiskReport, Engine, Item, Out, TICK};
use crate::media::event::{EngineCommand, MediaEvent};
use crate::media::port::PortPair;
use crate::rng::Rng;
use crate::sid::{RecordingSid, StreamSid};
use crate::sip::event::LegId;
use mio::Poll;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Readiness events taken at once.
const READY_MAX: usize = 1_024;
/// Commands taken between two looks at the sockets.
const COMMANDS_AT_ONCE: usize = 256;
/// Datagrams read from one socket before the others have their turn.
const PACKETS_AT_ONCE: usize = 32;
/// Packets of one wake-up that share a reading of the clock: together they take some 50 us.
const STAMPS: u32 = 8;
/// A datagram longer than this is cut; RTP of G.711 has a tenth of it.
const DATAGRAM_MAX: usize = 2_048;
/// RTCP packet types, as the second octet of a datagram on the RTP port (RFC 5761 section 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;
/// What a stream is read into.
const READ: usize = 64 * 1024;

/// What a leg whose turn it is has to have read.
struct Turn {
    leg: LegId,
    /// Its packets go on when they arrive.
    forwards: bool,
    /// Who speaks to its peer.
    agent: Option<StreamSid>,
}

pub(super) struct Thread {
    pub poll: Poll,
    pub clock: Clock,
    pub engine: Engine,
    pub out: Out,
    pub legs: Legs,
    pub streams: Streams,
    pub events: Events,
    pub counters: Arc<Counters>,
    /// Sockets that were left before they were empty.
    pub again: Vec<Which>,
    /// Streams whose connection broke while it was written to.
    pub broken: Vec<StreamSid>,
    /// What streams are read into.
    pub scratch: Vec<u8>,
    /// What legs are read into.
    datagram: Vec<u8>,
    /// The legs of the phase that has its turn.
    turn: Vec<Turn>,
    commands: mpsc::Receiver<WorkerCommand>,
    disk: Disk,
    reply: Reply,
    /// Recordings that the disk could not be told to close: it must be, or they are never over. Bounded by the recordings.
    closes: Vec<DiskOp>,
    /// Recordings for which the disk had no room.
    refused: Vec<RecordingSid>,
    /// Commands may wait whose wake-up has been used.
    more_commands: bool,
    stamp: Now,
    /// Packets since it was read.
    stamps: u32,
    stopped: bool,
}

impl Thread {
    pub(super) fn new(
        poll: Poll,
        config: WorkerConfig,
        commands: mpsc::Receiver<WorkerCommand>,
        reply: Reply,
        counters: Arc<Counters>,
    ) -> Thread {
        Thread {
            poll,
            clock: config.clock,
            engine: Engine::new(Rng::from_seed(config.seed)),
            out: Out::new(),
            legs: Legs::new(),
            streams: Streams::new(),
            events: Events::new(config.events),
            counters,
            again: Vec::new(),
            broken: Vec::new(),
            scratch: vec![0; READ],
            datagram: vec![0; DATAGRAM_MAX],
            turn: Vec::new(),
            commands,
            disk: config.disk,
            reply,
            refused: Vec::new(),
            closes: Vec::new(),
            more_commands: false,
            stamp: Now::default(),
            stamps: 0,
            stopped: false,
        }
    }

    pub(super) fn run(mut self) {
        let mut ready = mio::Events::with_capacity(READY_MAX);
        let mut ticks = None;
        while !self.stopped {
            let timeout = self.timeout(&mut ticks);
            if let Err(e) = self.poll.poll(&mut ready, timeout)
                && e.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(error = %e, "a media worker cannot wait for its sockets and ends");
                return;
            }
            self.stamps = 0;
            let again = std::mem::take(&mut self.again);
            for which in again {
                self.on_ready(which, true, true);
            }
            for event in ready.iter().filter(|e| e.token() != WAKER) {
                let readable = event.is_readable() || event.is_read_closed() || event.is_error();
                self.on_ready(Which::of(event.token()), readable, event.is_writable());
            }
            self.take_commands();
            self.tick(&mut ticks);
            self.publish();
        }
    }

    /// The time for packets: read once for a few, because two clocks cost a tenth of what a packet does.
    pub(super) fn stamp(&mut self) -> Now {
        if self.stamps == 0 {
            self.stamp = (self.clock)();
        }
        self.stamps = (self.stamps + 1) % STAMPS;
        self.stamp
    }

    /// Without legs and connections there is nothing to wake up for.
    fn timeout(&self, ticks: &mut Option<Ticks>) -> Option<Duration> {
        if self.more_commands || !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        // A recording that the disk has still to complete is waited for, not for ever.
        let closing = self.engine.counts().recordings > 0;
        let waits = self.events.is_behind() || !self.closes.is_empty() || closing;
        if self.legs.len() == 0 && self.streams.len() == 0 && !waits {
            *ticks = None;
            return None;
        }
        let now = (self.clock)().mono;
        Some(ticks.get_or_insert_with(|| Ticks::from(now)).wait(now))
    }

    fn tick(&mut self, ticks: &mut Option<Ticks>) {
        let Some(ticks) = ticks else { return };
        loop {
            let now = (self.clock)();
            let Some(due) = ticks.due(now.mono) else { return };
            self.read_unwaited(due.phase);
            self.guarded(now, None, |engine, out| engine.on_tick(now, due.phase, out));
            self.flush(now);
            counters::add(&self.counters.ticks, 1);
            counters::add(&self.counters.ticks_missed, due.missed);
            counters::add(&self.counters.ticks_late, u64::from(due.late));
            if due.phase == 0 {
                self.check_deadlines(now);
                self.events.offer(&self.counters);
                let closes = std::mem::take(&mut self.closes);
                let refused = |op| self.disk.try_send(op, &self.reply).err().map(|Refused(op)| op);
                self.closes = closes.into_iter().filter_map(refused).collect();
            }
        }
    }

    /// Reads what came to the legs of a phase whose packets nobody waits for, before their turn: a key that was pressed stops what
    /// would be played in it, and what an agent said leaves in it.
    fn read_unwaited(&mut self, phase: u8) {
        self.stamps = 0;
        let mut legs = std::mem::take(&mut self.turn);
        legs.clear();
        legs.extend(self.engine.legs_of(phase).map(|leg| Turn {
            leg,
            forwards: self.engine.forwards(leg),
            agent: self.engine.agent(leg),
        }));
        for turn in &legs {
            if let Some(which) = self.legs.wait_for(turn.leg, turn.forwards, self.poll.registry()) {
                self.read_datagrams(which);
            }
            if let Some(stream) = turn.agent {
                self.read_agent(stream);
            }
        }
        self.turn = legs;
    }

    fn publish(&self) {
        let totals = self.engine.totals();
        counters::set(&self.counters.dropped, totals.dropped);
        counters::set(&self.counters.late, totals.late);
        counters::set(&self.counters.legs, self.legs.len() as u64);
        counters::set(&self.counters.streams, self.streams.len() as u64);
    }

    fn on_ready(&mut self, which: Which, readable: bool, writable: bool) {
        match which {
            Which::Rtp(_) | Which::Rtcp(_) => self.read_datagrams(which),
            Which::Stream(slot) => {
                if writable {
                    self.write_stream(slot);
                }
                if readable {
                    self.read_stream(slot);
                }
            }
        }
    }

    fn read_datagrams(&mut self, which: Which) {
        // Not made anew each time: to clear it costs as much as to read a packet's header.
        let mut datagram = std::mem::take(&mut self.datagram);
        self.read_all(which, &mut datagram);
        self.datagram = datagram;
    }

    fn read_all(&mut self, which: Which, datagram: &mut [u8]) {
        for _ in 0..PACKETS_AT_ONCE {
            let Some(Datagram { leg, len, from, age }) = self.legs.receive(which, datagram) else { return };
            let now = self.stamp().earlier(age);
            let packet = datagram.get_mut(..len).unwrap_or_default();
            counters::add(&self.counters.received, 1);
            let is_rtcp = packet.get(1).is_some_and(|t| RTCP_TYPES.contains(t));
            let is_rtcp = is_rtcp || matches!(which, Which::Rtcp(_));
            self.guarded(now, Some(leg), |engine, out| match is_rtcp {
                true => engine.on_rtcp(now, leg, from, packet, out),
                false => engine.on_rtp(now, leg, from, packet, out),
            });
            self.flush(now);
            // On the tick there is one packet as a rule. Another one, if there is, is older than a frame in the next turn.
            if !age.is_zero() && age < TICK {
                return;
            }
        }
        self.again.push(which);
    }

    /// A mistake of ours in one leg ends that leg, not the thread with all the others.
    pub(super) fn guarded(&mut self, now: Now, leg: Option<LegId>, work: impl FnOnce(&mut Engine, &mut Out)) {
        let (engine, out) = (&mut self.engine, &mut self.out);
        if catch_unwind(AssertUnwindSafe(|| work(engine, out))).is_ok() {
            return;
        }
        counters::add(&self.counters.panics, 1);
        let Some(leg) = leg else { return };
        tracing::error!(
            leg = leg.0,
            "the media of a leg ends because of a mistake in Chorus; please report it"
        );
        let (engine, out) = (&mut self.engine, &mut self.out);
        let _ = catch_unwind(AssertUnwindSafe(|| engine.on_command(now, EngineCommand::Close(leg), out)));
        self.legs.remove(leg, self.poll.registry());
        // The call learns what it learns of a peer that is gone.
        self.events.push(MediaEvent::Silent(leg), &self.counters);
    }

    fn take_commands(&mut self) {
        self.more_commands = false;
        for _ in 0..COMMANDS_AT_ONCE {
            let Ok(c) = self.commands.try_recv() else { return };
            self.on_worker_command(c);
        }
        self.more_commands = true;
    }

    fn on_worker_command(&mut self, c: WorkerCommand) {
        let now = (self.clock)();
        match c {
            WorkerCommand::Engine(c) => self.on_engine_command(now, c),
            WorkerCommand::Open { leg, ssrc, ports } => self.open(now, leg, ssrc, ports),
            WorkerCommand::Socket { stream, dialled } => self.connected(now, stream, *dialled),
            WorkerCommand::SocketFailed { stream, code, words } => {
                self.stream_failed(now, stream, code, words)
            }
            WorkerCommand::Detach(leg, reply) => {
                let _ = reply.send(self.detach(leg));
            }
            WorkerCommand::Attach(d) => self.attach(*d),
            WorkerCommand::Disk(report) => self.engine.on_disk(now, report, &mut self.out),
            WorkerCommand::Shutdown => self.stopped = true,
        }
        self.flush(now);
    }

    fn open(&mut self, now: Now, leg: LegId, ssrc: u32, ports: PortPair) {
        let made = LegSockets::new(leg, ports).and_then(|s| self.legs.insert(s, self.poll.registry()));
        if let Err(e) = made {
            tracing::error!(leg = leg.0, error = %e, "a leg's sockets cannot be watched");
        }
        self.engine.on_command(now, EngineCommand::Open { leg, ssrc }, &mut self.out);
    }

    fn on_engine_command(&mut self, now: Now, c: EngineCommand) {
        let closed = match &c {
            EngineCommand::OpenStream(start) => {
                self.streams.announce(start.stream, start.leg);
                None
            }
            EngineCommand::Close(leg) => Some(*leg),
            _ => None,
        };
        self.engine.on_command(now, c, &mut self.out);
        self.flush(now);
        if let Some(leg) = closed {
            // After the flush: the last RTCP leaves by these sockets.
            self.legs.remove(leg, self.poll.registry());
        }
    }

    /// Does what the engine said, until it has nothing more to say.
    pub(super) fn flush(&mut self, now: Now) {
        // Most packets say nothing: they were received, and that is all.
        if self.out.is_empty() && self.broken.is_empty() && self.refused.is_empty() {
            return;
        }
        loop {
            let mut out = std::mem::take(&mut self.out);
            out.drain(|item, bytes| self.perform(now, item, bytes));
            self.out = out;
            for stream in std::mem::take(&mut self.broken) {
                self.lost(now, stream);
            }
            for recording in std::mem::take(&mut self.refused) {
                counters::add(&self.counters.disk_refused, 1);
                self.engine.on_disk(now, DiskReport::Failed { recording }, &mut self.out);
            }
            if self.out.is_empty() {
                return;
            }
        }
    }

    fn perform(&mut self, now: Now, item: Item, bytes: &[u8]) {
        match item {
            Item::SendRtp(leg, to) => {
                let sent = self.legs.send(leg, true, to, bytes);
                counters::add(if sent { &self.counters.sent } else { &self.counters.unsent }, 1);
            }
            Item::SendRtcp(leg, to) => {
                let sent = self.legs.send(leg, false, to, bytes);
                counters::add(if sent { &self.counters.sent } else { &self.counters.unsent }, 1);
            }
            Item::SendStream { stream, droppable } => self.send_stream(now, stream, droppable, bytes),
            Item::EndStream(stream) => self.end_stream(now, stream),
            Item::Disk(op) => self.give_to_disk(op),
            Item::Event(e) => self.events.push(e, &self.counters),
        }
    }

    fn give_to_disk(&mut self, op: DiskOp) {
        let recording = match &op {
            DiskOp::Create { recording, .. }
            | DiskOp::Write { recording, .. }
            | DiskOp::Close { recording, .. } => *recording,
        };
        let Err(Refused(op)) = self.disk.try_send(op, &self.reply) else { return };
        self.refused.push(recording);
        if matches!(op, DiskOp::Close { .. }) {
            self.closes.push(op);
        }
    }
}
