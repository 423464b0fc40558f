//! (s) The sound of all phones of the generator: one thread, one epoll, a packet of 20 ms a phone, spread over slots of 1 ms.

use super::mark::{self, FRAME};
use crate::media::rtp::{HEADER, Packet};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Slots of a frame, 1 ms each.
const SLOTS: usize = 20;
/// Packets of one socket before the others have their turn.
const AT_ONCE: usize = 16;

/// What a phone hears when all is well.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Hears {
    /// The frames of this phone, as they were sent.
    Phone(usize),
    /// The frames of the file, each after the one before.
    File,
    /// Nothing that is to be checked.
    Nothing,
}

/// When frames count, microseconds since the epoch.
#[derive(Debug)]
pub struct Window {
    from: AtomicU64,
    to: AtomicU64,
}

impl Window {
    /// Closed.
    pub fn new() -> Window {
        Window { from: AtomicU64::new(u64::MAX), to: AtomicU64::new(u64::MAX) }
    }

    /// Opens.
    pub fn open(&self, at: u64) {
        self.from.store(at, Ordering::Relaxed);
    }

    /// Closes.
    pub fn close(&self, at: u64) {
        self.to.store(at, Ordering::Relaxed);
    }

    /// Whether something of this moment counts.
    pub fn holds(&self, at: u64) -> bool {
        (self.from.load(Ordering::Relaxed)..self.to.load(Ordering::Relaxed)).contains(&at)
    }
}

impl Default for Window {
    fn default() -> Window {
        Window::new()
    }
}

/// What was heard of the frames in the window.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Frames that should have come.
    pub expected: u64,
    /// Those that came once, with the right content.
    pub right: u64,
    /// Other packets that came.
    pub other: u64,
    /// From sending to receiving, microseconds; empty where nothing is sent back.
    pub delays: Vec<u32>,
    /// How much later than the steady beat of its call each packet came, microseconds.
    pub late: Vec<u32>,
}

struct Phone {
    socket: UdpSocket,
    to: Option<SocketAddr>,
    hears: Hears,
    packet: Vec<u8>,
    /// When each frame was sent.
    sent: Vec<u64>,
    last: Option<u32>,
    /// Arrival and RTP timestamp, as microseconds, of the packets that count.
    beats: Vec<(u64, u64)>,
    first_ts: Option<u32>,
}

/// The running thread.
pub struct Phones {
    /// Their ports.
    pub ports: Vec<SocketAddr>,
    peers: mpsc::Sender<(usize, SocketAddr)>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Tally, Sent)>,
}

/// When each phone sent each of its frames.
pub type Sent = Vec<Vec<u64>>;

struct Thread {
    poll: Poll,
    phones: Vec<Phone>,
    epoch: Instant,
    window: Arc<Window>,
    tally: Tally,
}

impl Phones {
    /// Phones that are silent until they know where to send.
    ///
    /// # Errors
    /// The kernel's word.
    pub fn start(hears: &[Hears], epoch: Instant, window: Arc<Window>) -> Result<Phones, String> {
        let failed = |e: io::Error| format!("the generator's phones: {e}");
        let poll = Poll::new().map_err(failed)?;
        let mut phones = Vec::new();
        let mut ports = Vec::new();
        for (i, hears) in hears.iter().enumerate() {
            let mut socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).map_err(failed)?;
            poll.registry().register(&mut socket, Token(i), Interest::READABLE).map_err(failed)?;
            ports.push(socket.local_addr().map_err(failed)?);
            let packet = Vec::with_capacity(HEADER + FRAME);
            let (sent, beats) = (Vec::with_capacity(4_096), Vec::with_capacity(4_096));
            phones.push(Phone {
                socket,
                to: None,
                hears: *hears,
                packet,
                sent,
                last: None,
                beats,
                first_ts: None,
            });
        }
        let (peers, told) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let mut thread = Thread { poll, phones, epoch, window, tally: Tally::default() };
        let ended = stop.clone();
        let run = move || {
            thread.run(&told, &ended);
            thread.result()
        };
        let thread = std::thread::Builder::new().name("phones".to_owned()).spawn(run).map_err(failed)?;
        Ok(Phones { ports, peers, stop, thread })
    }

    /// From now on phone `index` sends there.
    pub fn talk(&self, index: usize, to: SocketAddr) {
        let _ = self.peers.send((index, to));
    }

    /// Ends; what was heard, and when each frame was sent.
    pub fn stop(self) -> (Tally, Sent) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

impl Thread {
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn run(&mut self, told: &mpsc::Receiver<(usize, SocketAddr)>, stop: &AtomicBool) {
        let mut events = Events::with_capacity(1_024);
        let mut slot = self.now() / 1_000;
        while !stop.load(Ordering::Relaxed) {
            for (i, to) in told.try_iter() {
                if let Some(p) = self.phones.get_mut(i) {
                    p.to = Some(to);
                }
            }
            let due = slot.saturating_add(1).saturating_mul(1_000);
            let wait = Duration::from_micros(due.saturating_sub(self.now()));
            if self.poll.poll(&mut events, Some(wait)).is_err() {
                continue;
            }
            for e in &events {
                self.receive(e.token().0);
            }
            while self.now() / 1_000 > slot {
                slot = slot.saturating_add(1);
                self.send(slot);
            }
        }
    }

    fn send(&mut self, slot: u64) {
        let first = usize::try_from(slot % SLOTS as u64).unwrap_or(0);
        let now = self.now();
        for (i, p) in self.phones.iter_mut().enumerate().skip(first).step_by(SLOTS) {
            let Some(to) = p.to else { continue };
            let number = u32::try_from(p.sent.len()).unwrap_or(0);
            let voice = u32::try_from(i).unwrap_or(0);
            p.sent.push(now);
            p.packet.clear();
            let (seq, ts) = (number as u16, number.wrapping_mul(FRAME as u32));
            let marker = number == 0;
            Packet { marker, pt: 0, seq, ts, ssrc: voice + 1, payload: &mark::frame(voice, number) }
                .write(&mut p.packet);
            let _ = p.socket.send_to(&p.packet, to);
        }
    }

    fn receive(&mut self, i: usize) {
        let mut datagram = [0; 2_048];
        for _ in 0..AT_ONCE {
            let Some(p) = self.phones.get(i) else { return };
            match p.socket.recv_from(&mut datagram) {
                Ok((n, _)) => self.heard(i, datagram.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
        // The rest has waited no longer than this loop: look again at once.
        self.receive(i);
    }

    fn heard(&mut self, i: usize, datagram: &[u8]) {
        let now = self.now();
        let Some(packet) = Packet::parse(datagram) else { return };
        let Some(p) = self.phones.get_mut(i) else { return };
        let read = mark::read(packet.payload);
        let right = match (p.hears, read) {
            (Hears::File, Some((mark::FILE, k))) => {
                let expected = p.last.map_or(k, |l| (l + 1) % super::app::FRAMES as u32);
                p.last = Some(k);
                (k == expected).then_some(now)
            }
            (Hears::Phone(from), Some((voice, k))) if u32::try_from(from) == Ok(voice) => {
                let fresh = p.last.is_none_or(|l| k > l);
                p.last = p.last.max(Some(k));
                let sent = self.phones.get(from).and_then(|f| f.sent.get(k as usize)).copied();
                sent.filter(|_| fresh)
            }
            _ => None,
        };
        let Some(p) = self.phones.get_mut(i) else { return };
        let Some(sent) = right.filter(|s| self.window.holds(*s)) else {
            self.tally.other += u64::from(right.is_none() && self.window.holds(now));
            return;
        };
        self.tally.right += 1;
        if let Hears::Phone(_) = p.hears {
            self.tally.delays.push(u32::try_from(now.saturating_sub(sent)).unwrap_or(u32::MAX));
        }
        let first = *p.first_ts.get_or_insert(packet.ts);
        p.beats.push((now, u64::from(packet.ts.wrapping_sub(first)) * 125));
    }

    fn result(&mut self) -> (Tally, Sent) {
        let mut tally = std::mem::take(&mut self.tally);
        let window = &self.window;
        let length = window.to.load(Ordering::Relaxed).saturating_sub(window.from.load(Ordering::Relaxed));
        for p in &self.phones {
            tally.expected += match p.hears {
                Hears::Nothing => 0,
                // The beat of the file is the far end's: a frame may lie on either side of the border.
                Hears::File => (length / 20_000).saturating_sub(1),
                Hears::Phone(from) => self
                    .phones
                    .get(from)
                    .map_or(0, |f| f.sent.iter().filter(|s| window.holds(**s)).count() as u64),
            };
            let ahead = |(at, ts): &(u64, u64)| at.saturating_sub(*ts);
            let base = p.beats.iter().map(ahead).min().unwrap_or(0);
            let late =
                p.beats.iter().map(|b| u32::try_from(ahead(b).saturating_sub(base)).unwrap_or(u32::MAX));
            tally.late.extend(late);
        }
        (tally, self.phones.iter_mut().map(|p| std::mem::take(&mut p.sent)).collect())
    }
}
