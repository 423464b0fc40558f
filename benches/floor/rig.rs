//! What the floor programs of media share: UDP sockets, one epoll, a tick of 5 ms, nothing allocated for a packet.
//! A floor prints `unit_us SEND RECEIVE WAKE` (what each costs on this machine, now) and `ports ...`, works until its standard
//! input ends, and prints `wakes_per_s N ...`. A floor that panics is a run without a figure, so it may.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, dead_code, missing_docs)]

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub const HEADER: usize = 12;
pub const FRAME: usize = 160;
pub const PACKET: usize = HEADER + FRAME;
const STEP: Duration = Duration::from_millis(5);

pub struct Leg {
    pub socket: UdpSocket,
    /// Who sends to it.
    pub to: Option<SocketAddr>,
    /// The next packet's header; the payload behind it is what is sent.
    pub packet: [u8; PACKET],
    seq: u16,
    ts: u32,
}

impl Leg {
    fn new(i: usize, registry: &Registry) -> Leg {
        let mut socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        registry.register(&mut socket, Token(i), Interest::READABLE).unwrap();
        let mut packet = [0xFF; PACKET];
        packet[..8].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0]);
        packet[8..12].copy_from_slice(&(i as u32 + 1).to_be_bytes());
        Leg { socket, to: None, packet, seq: 0, ts: 0 }
    }

    /// Sends `payload` as the next packet, if the far end is known.
    pub fn send(&mut self, payload: &[u8]) -> bool {
        let Some(to) = self.to else { return false };
        self.seq = self.seq.wrapping_add(1);
        self.ts = self.ts.wrapping_add(FRAME as u32);
        self.packet[2..4].copy_from_slice(&self.seq.to_be_bytes());
        self.packet[4..8].copy_from_slice(&self.ts.to_be_bytes());
        self.packet[HEADER..HEADER + payload.len()].copy_from_slice(payload);
        self.socket.send_to(&self.packet[..HEADER + payload.len()], to).is_ok()
    }
}

pub trait Floor {
    /// A packet's payload on leg `i`.
    fn on_rtp(&mut self, legs: &mut [Leg], i: usize, payload: &[u8]) -> u64;
    /// Every 5 ms with 0, 1, 2, 3, 0 ... How many packets left.
    fn on_tick(&mut self, legs: &mut [Leg], phase: usize) -> u64;
    /// A token beyond the legs is readable.
    fn on_other(&mut self, _legs: &mut [Leg], _token: usize) -> u64 {
        0
    }
}

pub fn argument(n: usize) -> String {
    std::env::args().nth(n).unwrap()
}

/// CPU of one send and of one receive over many sockets, epoll between, microseconds.
pub fn pair_us() -> (f64, f64) {
    const SOCKETS: usize = 2_000;
    const ROUNDS: usize = 50;
    let mut poll = Poll::new().unwrap();
    let legs: Vec<Leg> = (0..SOCKETS).map(|i| Leg::new(i, poll.registry())).collect();
    let to: Vec<SocketAddr> = legs.iter().map(|l| l.socket.local_addr().unwrap()).collect();
    let mut events = Events::with_capacity(SOCKETS);
    let (mut buffer, packet) = ([0; 2048], [0x80; PACKET]);
    let (mut received, mut send, mut receive) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let before = thread_ns();
        for (i, leg) in legs.iter().enumerate() {
            leg.socket.send_to(&packet, to[(i + 1) % SOCKETS]).unwrap();
        }
        let between = thread_ns();
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        for e in &events {
            received += u64::from(legs[e.token().0].socket.recv_from(&mut buffer).is_ok());
        }
        send += between - before;
        receive += thread_ns() - between;
    }
    let each = |ns: u64| ns as f64 / 1e3 / received as f64;
    (each(send), each(receive))
}

/// CPU time of this thread, nanoseconds. The kernel brings it up to date when asked for the clock, not for /proc.
fn thread_ns() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes the time into `t`, which lives.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) }, 0);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// How often this thread has slept until something came.
fn sleeps() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:")).unwrap().trim().parse().unwrap()
}

/// CPU of sleeping until a packet comes, beyond that of a receive: at a few hundred calls nearly every packet of a generator that
/// spreads them over the milliseconds brings one.
pub fn wake_us(receive: f64) -> f64 {
    const WAKES: u32 = 500;
    let mut poll = Poll::new().unwrap();
    let leg = Leg::new(0, poll.registry());
    let to = leg.socket.local_addr().unwrap();
    let sender = std::thread::spawn(move || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..WAKES {
            std::thread::sleep(Duration::from_millis(1));
            socket.send_to(&[0x80; PACKET], to).unwrap();
        }
    });
    let (mut events, mut buffer, mut received) = (Events::with_capacity(8), [0; 2048], 0);
    let before = thread_ns();
    while received < WAKES {
        poll.poll(&mut events, Some(STEP)).unwrap();
        while leg.socket.recv_from(&mut buffer).is_ok() {
            received += 1;
        }
    }
    let each = (thread_ns() - before) as f64 / 1e3 / f64::from(WAKES);
    sender.join().unwrap();
    each - receive
}

/// Measures the pair, opens `n` legs, tells their ports, and works until standard input ends.
pub fn run<F: Floor>(n: usize, make: impl FnOnce(&Registry, usize) -> F) {
    let (send, receive) = pair_us();
    println!("unit_us {send:.3} {receive:.3} {:.3}", wake_us(receive));
    let mut poll = Poll::new().unwrap();
    let mut legs: Vec<Leg> = (0..n).map(|i| Leg::new(i, poll.registry())).collect();
    let mut floor = make(poll.registry(), n);
    let ports: Vec<String> = legs.iter().map(|l| l.socket.local_addr().unwrap().port().to_string()).collect();
    println!("ports {}", ports.join(" "));
    std::io::stdout().flush().unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let told = ended.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        told.store(true, Ordering::Relaxed);
    });
    let (mut events, mut buffer) = (Events::with_capacity(1024), [0; 2048]);
    let (mut received, mut sent, slept, began) = (0_u64, 0_u64, sleeps(), Instant::now());
    let (mut next, mut phase) = (Instant::now() + STEP, 0);
    while !ended.load(Ordering::Relaxed) {
        let _ = poll.poll(&mut events, Some(next.saturating_duration_since(Instant::now())));
        for e in &events {
            let i = e.token().0;
            if i >= n {
                sent += floor.on_other(&mut legs, i);
                continue;
            }
            loop {
                match legs[i].socket.recv_from(&mut buffer) {
                    Ok((len, from)) => {
                        received += 1;
                        legs[i].to.get_or_insert(from);
                        sent += floor.on_rtp(&mut legs, i, &buffer[HEADER.min(len)..len]);
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => {}
                }
            }
        }
        while Instant::now() >= next {
            sent += floor.on_tick(&mut legs, phase);
            (next, phase) = (next + STEP, (phase + 1) % 4);
        }
    }
    let per_s = (sleeps() - slept) as f64 / began.elapsed().as_secs_f64();
    println!("wakes_per_s {per_s:.0} received {received} sent {sent}");
}

/// The legs of a phase.
pub fn of_phase(legs: usize, phase: usize) -> impl Iterator<Item = usize> {
    (phase..legs).step_by(4)
}
