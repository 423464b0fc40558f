//! (s) One thread a core. It owns an [`Engine`](super::engine::Engine) and the sockets of the engine's legs and streams: one
//! epoll, edge-triggered, one tick of 5 ms while there are legs. Between a packet and what follows from it there is no other
//! thread.

mod agents;
pub mod arrival;
mod clock;
mod counters;
mod detach;
mod events;
mod legs;
mod link;
mod run;
mod slots;
mod stream;
mod streams;
mod tick;

pub use clock::{Clock, system_clock};
pub use counters::Counters;
pub use detach::Detached;

use super::disk::{Disk, Reply};
use super::engine::DiskReport;
use super::event::{EngineCommand, MediaEvent};
use super::port::PortPair;
use crate::sid::StreamSid;
use crate::sip::event::LegId;
use crate::streams::connect::Dialled;
use mio::{Poll, Token, Waker};
use std::sync::{Arc, mpsc};
use std::{io, thread};
use tokio::sync::{mpsc as events_channel, oneshot};

/// Commands that may wait for a worker; a full queue is the driver's sign of overload.
pub const COMMANDS_MAX: usize = 8_192;
pub(crate) const WAKER: Token = Token(usize::MAX);

/// To a worker.
pub enum WorkerCommand {
    /// For the engine. `Open` belongs in [`WorkerCommand::Open`], which brings the sockets.
    Engine(EngineCommand),
    /// A leg begins, with its sockets.
    Open {
        /// The leg.
        leg: LegId,
        /// Our SSRC on it.
        ssrc: u32,
        /// Its ports; closed and given back when the leg is closed.
        ports: PortPair,
    },
    /// The connection of a stream that `EngineCommand::OpenStream` described.
    Socket {
        /// The stream.
        stream: StreamSid,
        /// From `streams::connect::dial`.
        dialled: Box<Dialled>,
    },
    /// There will be no connection.
    SocketFailed {
        /// The stream.
        stream: StreamSid,
        /// 31901-31924.
        code: u32,
        /// For Notifications.
        words: String,
    },
    /// Takes a leg out with everything that is its; None: it is not here.
    Detach(LegId, oneshot::Sender<Option<Box<Detached>>>),
    /// Puts in a leg that another worker gave away.
    Attach(Box<Detached>),
    /// What the disk did; sent by the disk thread.
    Disk(DiskReport),
    /// Ends the thread; all sockets are closed.
    Shutdown,
}

/// What a worker is made of.
pub struct WorkerConfig {
    /// For the thread's name and the log.
    pub index: usize,
    /// Seed of the engine's generator, from the kernel.
    pub seed: [u8; 32],
    /// The clock of the process: all workers and the driver must share it.
    pub clock: Clock,
    /// To the driver. Never waited for: what does not fit is kept in a bounded list and offered again.
    pub events: events_channel::Sender<MediaEvent>,
    /// The disk thread.
    pub disk: Disk,
}

/// The queue was full or the worker is gone; the command comes back.
pub struct Refused(pub WorkerCommand);

/// The way to a worker.
#[derive(Clone)]
pub struct WorkerHandle {
    commands: mpsc::SyncSender<WorkerCommand>,
    waker: Arc<Waker>,
    counters: Arc<Counters>,
}

/// A running worker.
pub struct Worker {
    handle: WorkerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// No epoll, eventfd or thread can be made.
    pub fn spawn(config: WorkerConfig) -> io::Result<Worker> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (commands, waiting) = mpsc::sync_channel(COMMANDS_MAX);
        let handle = WorkerHandle { commands, waker, counters: Arc::new(Counters::default()) };
        let reply = handle.disk_reply();
        let name = format!("media-{}", config.index);
        let counters = handle.counters.clone();
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || run::Thread::new(poll, config, waiting, reply, counters).run())?;
        Ok(Worker { handle, thread: Some(thread) })
    }

    /// The way to it.
    pub fn handle(&self) -> &WorkerHandle {
        &self.handle
    }

    /// Ends it and waits for the thread.
    pub fn stop(mut self) {
        // A full queue is emptied by the worker: waiting here is short.
        let _ = self.handle.commands.send(WorkerCommand::Shutdown);
        let _ = self.handle.waker.wake();
        if let Some(t) = self.thread.take() {
            let _ = t.join();
        }
    }
}

impl WorkerHandle {
    /// Gives a command; never waits.
    ///
    /// # Errors
    /// The command, if the queue is full or the worker is gone.
    pub fn try_send(&self, c: WorkerCommand) -> Result<(), Box<Refused>> {
        self.leave(c)?;
        self.wake();
        Ok(())
    }

    /// The same, for several in a row: [`WorkerHandle::wake`] comes after the last.
    ///
    /// # Errors
    /// As [`WorkerHandle::try_send`].
    pub fn leave(&self, c: WorkerCommand) -> Result<(), Box<Refused>> {
        self.commands.try_send(c).map_err(|e| match e {
            mpsc::TrySendError::Full(c) | mpsc::TrySendError::Disconnected(c) => Box::new(Refused(c)),
        })
    }

    /// It looks what was left for it.
    pub fn wake(&self) {
        // A wake that fails is made up by the next tick.
        let _ = self.waker.wake();
    }

    /// Its figures.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The disk thread may wait for the worker; the worker never waits for the disk.
    fn disk_reply(&self) -> Reply {
        let (commands, waker) = (self.commands.clone(), self.waker.clone());
        Arc::new(move |report| {
            // A buffer that comes back is not waited for: the next tick finds it, and a wake-up costs more than the write.
            let urgent = !matches!(report, DiskReport::Written { .. });
            if commands.send(WorkerCommand::Disk(report)).is_ok() && urgent {
                let _ = waker.wake();
            }
        })
    }
}
