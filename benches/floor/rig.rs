//! What the floor programs of media share: UDP sockets, one epoll, a tick of 5 ms, nothing allocated for a packet.
//! A floor prints `pair_us=...` (a send and a receive on this machine, now) and `ports ...`, works until its standard
//! input ends, and prints what a packet cost it. A floor that panics is a run without a figure, so it may.
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
/// Ticks of a kernel's second in /proc.
const USER_HZ: u64 = 100;

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

/// user + system, microseconds.
pub fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let mut fields = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().skip(11);
    let mut next = || fields.next().unwrap().parse::<u64>().unwrap();
    (next() + next()) * 1_000_000 / USER_HZ
}

/// CPU of one send and one receive over many sockets, epoll between, microseconds.
pub fn pair_us() -> f64 {
    const SOCKETS: usize = 2_000;
    const ROUNDS: usize = 50;
    let mut poll = Poll::new().unwrap();
    let legs: Vec<Leg> = (0..SOCKETS).map(|i| Leg::new(i, poll.registry())).collect();
    let to: Vec<SocketAddr> = legs.iter().map(|l| l.socket.local_addr().unwrap()).collect();
    let mut events = Events::with_capacity(SOCKETS);
    let (mut buffer, packet, before) = ([0; 2048], [0x80; PACKET], cpu_us());
    let mut received = 0;
    for _ in 0..ROUNDS {
        for (i, leg) in legs.iter().enumerate() {
            leg.socket.send_to(&packet, to[(i + 1) % SOCKETS]).unwrap();
        }
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        for e in &events {
            received += u64::from(legs[e.token().0].socket.recv_from(&mut buffer).is_ok());
        }
    }
    (cpu_us() - before) as f64 / received as f64
}

/// Measures the pair, opens `n` legs, tells their ports, and works until standard input ends.
pub fn run<F: Floor>(n: usize, make: impl FnOnce(&Registry, usize) -> F) {
    println!("pair_us={:.3}", pair_us());
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
    let (mut received, mut sent, before) = (0_u64, 0_u64, cpu_us());
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
    let packets = received + sent;
    let cpu = cpu_us() - before;
    println!("received={received} sent={sent} us_per_packet={:.3}", cpu as f64 / packets.max(1) as f64);
}

/// The legs of a phase.
pub fn of_phase(legs: usize, phase: usize) -> impl Iterator<Item = usize> {
    (phase..legs).step_by(4)
}
