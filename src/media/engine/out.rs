//! What leaves the engine, in an arena that is used again for every input, so that a packet costs no allocation.

use crate::media::event::MediaEvent;
use crate::sid::{RecordingSid, StreamSid};
use crate::sip::event::LegId;
use std::{net::SocketAddr, ops::Range};

/// What came from a stream's connection.
#[derive(Debug)]
pub enum StreamInput<'a> {
    /// The 101 came.
    Opened,
    /// It never opened.
    Failed {
        /// 31901-31924.
        code: u32,
        /// For Notifications.
        words: String,
    },
    /// Octets after the 101; unmasked in place.
    Bytes(&'a mut [u8]),
    /// The connection was closed or reset by the far end.
    Eof,
}

/// Work for the disk thread. Operations of one recording are done in order.
#[derive(Debug)]
pub enum DiskOp {
    /// Makes the file with a header that says "no samples yet".
    Create {
        /// Names the file.
        recording: RecordingSid,
        /// 1 or 2.
        channels: u8,
    },
    /// Appends PCM 16 bit little endian (interleaved if two channels) and hands it to the kernel; the buffer
    /// comes back in [`DiskReport::Written`].
    Write {
        /// The file.
        recording: RecordingSid,
        /// The samples.
        buffer: Vec<u8>,
    },
    /// Cuts the file to `keep` octets of samples, rights its header and closes it.
    Close {
        /// The file.
        recording: RecordingSid,
        /// Octets of samples to keep (trailing silence is cut); everything if None.
        keep: Option<u64>,
        /// Length in milliseconds that this makes.
        ms: u64,
    },
}

/// What the disk thread answers.
#[derive(Debug)]
pub enum DiskReport {
    /// The samples are with the kernel.
    Written {
        /// The file.
        recording: RecordingSid,
        /// To be filled again.
        buffer: Vec<u8>,
    },
    /// Creating or writing failed. The file (if any) is valid up to what was written before; the disk thread ignores
    /// further operations for it, except that it answers `Close` by `Closed`.
    Failed {
        /// The file.
        recording: RecordingSid,
    },
    /// The file is complete.
    Closed {
        /// The file.
        recording: RecordingSid,
        /// Milliseconds of audio that are in it.
        ms: u64,
    },
}

/// One output. What has octets is handed out together with them by [`Out::drain`].
#[derive(Debug)]
pub enum Item {
    /// An RTP packet from the leg's port.
    SendRtp(LegId, SocketAddr),
    /// An RTCP packet from the leg's port + 1.
    SendRtcp(LegId, SocketAddr),
    /// Octets for a stream's connection: whole WebSocket frames.
    SendStream {
        /// Which.
        stream: StreamSid,
        /// Audio of the call: may be dropped, oldest first, if the agent does not read (ruling 2.43).
        droppable: bool,
    },
    /// Nothing more will be sent on the stream: close its connection once what was sent has left.
    EndStream(StreamSid),
    /// Work for the disk.
    Disk(DiskOp),
    /// A report to the call.
    Event(MediaEvent),
}

/// The arena. The worker drains it after each input.
#[derive(Default)]
pub struct Out {
    bytes: Vec<u8>,
    items: Vec<(Item, Range<usize>)>,
}

impl Out {
    /// With room for a busy tick, so that it does not grow later.
    pub fn new() -> Out {
        Out { bytes: Vec::with_capacity(64 * 1024), items: Vec::with_capacity(512) }
    }

    /// Hands out everything in order and empties the arena, keeping its memory.
    pub fn drain(&mut self, mut each: impl FnMut(Item, &[u8])) {
        for (item, range) in self.items.drain(..) {
            each(item, self.bytes.get(range).unwrap_or_default());
        }
        self.bytes.clear();
    }

    /// Nothing in it?
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an output with the octets that `write` appends; nothing if it appends none.
    pub fn send(&mut self, item: Item, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > start {
            self.items.push((item, start..self.bytes.len()));
        }
    }

    /// Adds a report.
    pub fn event(&mut self, e: MediaEvent) {
        self.items.push((Item::Event(e), 0..0));
    }

    /// Adds work for the disk.
    pub fn disk(&mut self, op: DiskOp) {
        self.items.push((Item::Disk(op), 0..0));
    }

    /// Adds the end of a stream.
    pub fn end_stream(&mut self, stream: StreamSid) {
        self.items.push((Item::EndStream(stream), 0..0));
    }
}
