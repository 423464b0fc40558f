//! (s) The audio of a recording as a body: a file, or the mix of its two channels, or octets in memory; each in the part
//! that was asked for, read as the client takes it.

use super::refusal::Refusal;
use super::wav::{self, Layout, Part};
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use std::{
    io::{self, SeekFrom},
    path::Path,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, ReadBuf};

/// Octets read at once: a multiple of one frame of two channels.
const CHUNK: usize = 64 * 1024;

/// What is left to send.
enum Source {
    /// From a file, as it is.
    File(File),
    /// From a file of two channels, as one.
    Mixed(File),
    /// Nothing more.
    Dry,
}

/// Audio ready to be sent.
pub struct Media {
    /// Content-Type.
    pub kind: &'static str,
    /// Octets of the whole.
    pub size: u64,
    /// The part that is sent.
    pub part: Part,
    /// Sent before the source: a header of our own, or everything.
    head: Bytes,
    source: Source,
    /// Octets still to come from the source.
    left: u64,
    /// Octets to drop from the front of the mix, when a part begins within a frame.
    skip: usize,
    buffer: Vec<u8>,
    filled: usize,
}

fn bounds(part: Part, size: u64) -> Result<(u64, u64), Refusal> {
    match part {
        Part::Whole => Ok((0, size)),
        Part::Octets(from, last) => Ok((from, last.saturating_add(1))),
        Part::Outside => Err(Refusal::outside(size)),
    }
}

fn broken(e: &io::Error) -> Refusal {
    tracing::error!(error = %e, "a recording could not be read");
    Refusal::plain(20500)
}

/// Octets of `bytes` between two positions.
fn cut(bytes: Bytes, from: u64, to: u64) -> Bytes {
    let clamp = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    let (from, to) = (clamp(from), clamp(to));
    bytes.slice(from.min(to)..to)
}

/// Opens a file and finds its samples; None if there is no such file or it is no recording of ours.
pub async fn open(path: &Path) -> Result<Option<(File, u64, Layout)>, Refusal> {
    let mut file = match File::open(path).await {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(broken(&e)),
    };
    let size = file.metadata().await.map_err(|e| broken(&e))?.len();
    let mut head = vec![0; wav::PROBE];
    let mut filled = 0;
    while let Some(room) = head.get_mut(filled..).filter(|r| !r.is_empty()) {
        match file.read(room).await.map_err(|e| broken(&e))? {
            0 => break,
            n => filled = filled.saturating_add(n),
        }
    }
    head.truncate(filled);
    Ok(wav::layout(&head, size).map(|layout| (file, size, layout)))
}

impl Media {
    /// The file as it is.
    pub async fn whole(mut file: File, size: u64, range: Option<&str>) -> Result<Media, Refusal> {
        let part = wav::part(range, size);
        let (from, to) = bounds(part, size)?;
        file.seek(SeekFrom::Start(from)).await.map_err(|e| broken(&e))?;
        let mut media = Media::new("audio/x-wav", size, part, Bytes::new());
        media.source = Source::File(file);
        media.left = to.saturating_sub(from);
        Ok(media)
    }

    /// Two channels as one.
    pub async fn mixed(mut file: File, layout: Layout, range: Option<&str>) -> Result<Media, Refusal> {
        let samples = wav::mixed_length(&layout);
        let header = wav::mono_header(layout.rate, samples);
        let size = samples.saturating_add(wav::HEADER as u64);
        let part = wav::part(range, size);
        let (from, to) = bounds(part, size)?;
        let head = cut(Bytes::copy_from_slice(&header), from, to);
        // Each sample of the mix has two octets and comes from a frame of four.
        let offset = from.saturating_sub(wav::HEADER as u64);
        let frame = (offset / 2).saturating_mul(4);
        let start = layout.data.saturating_add(frame);
        file.seek(SeekFrom::Start(start)).await.map_err(|e| broken(&e))?;
        let mut media = Media::new("audio/x-wav", size, part, head);
        media.source = Source::Mixed(file);
        media.skip = usize::from(offset % 2 == 1);
        media.left = to.saturating_sub(from.max(wav::HEADER as u64));
        Ok(media)
    }

    /// Octets in memory.
    pub fn held(kind: &'static str, bytes: Bytes, range: Option<&str>) -> Result<Media, Refusal> {
        let size = bytes.len() as u64;
        let part = wav::part(range, size);
        let (from, to) = bounds(part, size)?;
        Ok(Media::new(kind, size, part, cut(bytes, from, to)))
    }

    fn new(kind: &'static str, size: u64, part: Part, head: Bytes) -> Media {
        Media { kind, size, part, head, source: Source::Dry, left: 0, skip: 0, buffer: Vec::new(), filled: 0 }
    }

    /// Octets that will be sent.
    pub fn length(&self) -> u64 {
        (self.head.len() as u64).saturating_add(self.left)
    }

    /// Fills the buffer up to `want` octets; false at the end of the file.
    fn fill(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<io::Result<bool>> {
        let (Source::File(file) | Source::Mixed(file)) = &mut self.source else {
            return Poll::Ready(Ok(false));
        };
        self.buffer.resize(want, 0);
        while let Some(room) = self.buffer.get_mut(self.filled..).filter(|r| !r.is_empty()) {
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(&mut *file).poll_read(cx, &mut room))?;
            match room.filled().len() {
                0 => return Poll::Ready(Ok(false)),
                n => self.filled = self.filled.saturating_add(n),
            }
        }
        Poll::Ready(Ok(true))
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if !self.head.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.head))));
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mixed = matches!(self.source, Source::Mixed(_));
        // Two octets of the mix come from one frame of four.
        let frames = left.saturating_add(self.skip).div_ceil(2);
        let want = if mixed { frames.saturating_mul(4) } else { left };
        let full = ready!(self.fill(cx, want.min(CHUNK)))?;
        if !full {
            let e = io::Error::new(io::ErrorKind::UnexpectedEof, "the recording became shorter");
            return Poll::Ready(Some(Err(e)));
        }
        let read = std::mem::take(&mut self.buffer);
        self.filled = 0;
        let out = if mixed { Bytes::from(wav::mix(&read)) } else { Bytes::from(read) };
        let skip = std::mem::take(&mut self.skip) as u64;
        let out = cut(out, skip, skip.saturating_add(self.left));
        self.left = self.left.saturating_sub(out.len() as u64);
        Poll::Ready(Some(Ok(out)))
    }
}

impl MessageBody for Media {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length())
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, io::Error>>> {
        self.get_mut().next(cx)
    }
}
