//! (s) One stream's connection on its worker.
//!
//! ```text
//!   Upgrading --101--> Open --EndStream--> Ending --backlog empty, then eof or deadline--> gone
//!       |               |--eof, error-------------------------------------------------> gone
//!       '--EndStream, failure, deadline-----------------------------------------------> gone
//! ```

use super::link::{Broken, Link};
use crate::clock::{Mono, Now};
use crate::sid::StreamSid;
use crate::streams::buf::StreamBuf;
use crate::streams::codes;
use crate::streams::connect::Dialled;
use crate::streams::handshake::Handshake;
use mio::{Interest, net::TcpStream};
use rustls::ClientConnection;
use std::io;
use std::time::Duration;

/// TLS and the upgrade together.
pub(super) const UPGRADE_MAX: Duration = Duration::from_secs(5);
/// After the close frame the agent has this long to close, as RFC 6455 7.1.1 would have it; then we do.
pub(super) const LINGER: Duration = Duration::from_secs(2);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Upgrading,
    Open,
    Ending,
}

pub(super) struct StreamSocket {
    pub stream: StreamSid,
    pub link: Link,
    pub phase: Phase,
    /// What comes wakes the worker up. If not, it is read on the tick of the leg.
    pub waited_for: bool,
    /// None once it is done.
    pub handshake: Option<Handshake>,
    backlog: StreamBuf,
    /// When `Upgrading` or `Ending` is over.
    pub deadline: Option<Mono>,
    /// 31930 was reported.
    warned: bool,
    finished: bool,
    /// Writing failed. What the agent said before may still lie in the kernel, its close frame above all: reading goes on
    /// until there is nothing more.
    pub deaf: bool,
}

/// What became of octets that were to be sent.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Frames dropped.
    pub dropped: u64,
    /// The first drop of this stream: worth a warning.
    pub warn: bool,
    /// Writing failed just now.
    pub deaf: bool,
    /// The agent asks and asks and does not read.
    pub hopeless: bool,
}

impl StreamSocket {
    /// Begins the upgrade; nothing is read yet.
    pub(super) fn new(now: Now, stream: StreamSid, d: Dialled) -> Result<StreamSocket, (u32, String)> {
        let io = |e: io::Error| (codes::BROKEN_PIPE, e.to_string());
        d.tcp.set_nonblocking(true).map_err(io)?;
        let tcp = TcpStream::from_std(d.tcp);
        let link = match d.tls {
            None => Link::Plain(tcp),
            Some((config, name)) => {
                let tls = ClientConnection::new(config, name).map_err(|e| (codes::TLS, e.to_string()))?;
                Link::Tls(tcp, Box::new(tls))
            }
        };
        let mut backlog = StreamBuf::new();
        backlog.push(now.mono, false, |v| v.extend_from_slice(d.handshake.request()));
        Ok(StreamSocket {
            stream,
            link,
            phase: Phase::Upgrading,
            waited_for: true,
            handshake: Some(d.handshake),
            backlog,
            deadline: Some(now.mono + UPGRADE_MAX),
            warned: false,
            finished: false,
            deaf: false,
        })
    }

    /// Whole frames for the agent: what the kernel does not take waits, and audio that waits too long is dropped.
    pub(super) fn send(&mut self, now: Now, droppable: bool, frame: &[u8]) -> Sent {
        if self.deaf {
            return Sent::default();
        }
        let written = if self.backlog.is_empty() { self.link.write(frame) } else { Ok(0) };
        let Ok(written) = written else {
            self.deaf = true;
            return Sent { deaf: true, ..Sent::default() };
        };
        if written < frame.len() {
            self.backlog.push(now.mono, droppable, |v| v.extend_from_slice(frame));
            self.backlog.consume(written);
        }
        let dropped = self.backlog.shed(now.mono);
        let warn = dropped > 0 && !std::mem::replace(&mut self.warned, true);
        Sent { dropped, warn, deaf: false, hopeless: self.backlog.is_overfull() }
    }

    /// The kernel may take more. False: writing failed just now.
    pub(super) fn flush(&mut self) -> bool {
        if self.deaf {
            return true;
        }
        self.deaf = self.try_flush().is_err();
        !self.deaf
    }

    fn try_flush(&mut self) -> Result<(), Broken> {
        if !self.link.flush()? {
            return Ok(());
        }
        while !self.backlog.is_empty() {
            match self.link.write(self.backlog.front())? {
                0 => return Ok(()),
                n => self.backlog.consume(n),
            }
        }
        if self.phase == Phase::Ending && !std::mem::replace(&mut self.finished, true) {
            self.link.finish();
        }
        Ok(())
    }

    /// What it wakes the worker up for.
    pub(super) fn interest(&self) -> Interest {
        if self.waited_for { Interest::READABLE | Interest::WRITABLE } else { Interest::WRITABLE }
    }

    /// Nothing more will be sent.
    pub(super) fn end(&mut self, now: Now) {
        self.phase = Phase::Ending;
        self.deadline = Some(now.mono + LINGER);
    }

    /// How a connection that broke during the upgrade is told.
    pub(super) fn failure(&self, why: Option<Broken>) -> (u32, String) {
        match why {
            None => (codes::BROKEN_PIPE, "the agent closed the connection before it answered".to_owned()),
            Some(Broken::Tls(words)) => (codes::TLS, format!("TLS with the agent failed: {words}")),
            Some(Broken::Io(e)) => (codes::BROKEN_PIPE, format!("the connection to the agent broke: {e}")),
        }
    }
}
