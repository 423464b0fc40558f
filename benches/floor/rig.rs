//! What the floor programs of media share: UDP sockets, one epoll, a tick of 5 ms, nothing allocated for a packet.
//! A floor prints `unit_us SEND RECEIVE WAKE` (what each costs on this machine, now) and `ports ...`, works until its standard
//! input ends, and prints `wakes_per_s N ...`. A floor that ends with an error is a run without a figure.

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Octets of an RTP header.
const HEADER: usize = 12;
/// Octets of 20 ms of G.711.
pub const FRAME: usize = 160;
const PACKET: usize = HEADER + FRAME;
const STEP: Duration = Duration::from_millis(5);

/// What every floor ends with.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
/// The legs whose packet leaves in one step of 5 ms: every fourth.
pub type Turn = std::iter::StepBy<std::ops::Range<usize>>;

/// A socket and where its packets go.
pub struct Leg {
    socket: UdpSocket,
    /// Who sends to it.
    to: Option<SocketAddr>,
    /// The next packet: its header, and room for the payload.
    packet: [u8; PACKET],
    ssrc: u32,
    seq: u16,
    ts: u32,
}

impl Leg {
    fn new(i: usize, registry: &Registry) -> Result<Leg> {
        let mut socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        registry.register(&mut socket, Token(i), Interest::READABLE)?;
        Ok(Leg { socket, to: None, packet: [0; PACKET], ssrc: i as u32 + 1, seq: 0, ts: 0 })
    }

    /// Sends `payload` as the next packet, if the far end is known.
    pub fn send(&mut self, payload: &[u8]) -> bool {
        let Some(to) = self.to else { return false };
        (self.seq, self.ts) = (self.seq.wrapping_add(1), self.ts.wrapping_add(FRAME as u32));
        let mut rest = &mut self.packet[..];
        let fields = [
            &[0x80, 0][..],
            &self.seq.to_be_bytes(),
            &self.ts.to_be_bytes(),
            &self.ssrc.to_be_bytes(),
            payload,
        ];
        let written = fields.iter().try_for_each(|f| rest.write_all(f));
        let packet = self.packet.get(..HEADER + payload.len()).unwrap_or_default();
        written.is_ok() && self.socket.send_to(packet, to).is_ok()
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

/// What differs from floor to floor. Each says how many packets left.
pub trait Floor {
    /// A packet's payload on leg `i`.
    fn on_rtp(&mut self, legs: &mut [Leg], i: usize, payload: &[u8]) -> Result<u64>;
    /// Every 5 ms, with the legs whose turn it is.
    fn on_tick(&mut self, legs: &mut [Leg], turn: Turn) -> u64;
    /// A token beyond the legs is readable.
    fn on_other(&mut self, _legs: &mut [Leg], _token: usize) -> Result<u64> {
        Ok(0)
    }
}

/// The `n`-th word of the command line.
pub fn argument(n: usize) -> Result<String> {
    std::env::args().nth(n).ok_or_else(|| format!("argument {n} is missing").into())
}

/// CPU of one send and of one receive over many sockets, epoll between, microseconds.
fn pair_us() -> Result<(f64, f64)> {
    const SOCKETS: usize = 2_000;
    const ROUNDS: usize = 50;
    let mut poll = Poll::new()?;
    let legs: Vec<Leg> = (0..SOCKETS).map(|i| Leg::new(i, poll.registry())).collect::<Result<_>>()?;
    let to: Vec<SocketAddr> = legs.iter().map(Leg::address).collect::<Result<_>>()?;
    let mut events = Events::with_capacity(SOCKETS);
    let (mut buffer, packet) = ([0; 2048], [0x80; PACKET]);
    let (mut received, mut send, mut receive) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let before = thread_ns();
        for (leg, to) in legs.iter().zip(to.iter().cycle().skip(1)) {
            leg.socket.send_to(&packet, *to)?;
        }
        let between = thread_ns();
        poll.poll(&mut events, Some(Duration::ZERO))?;
        for leg in events.iter().filter_map(|e| legs.get(e.token().0)) {
            received += u64::from(leg.socket.recv_from(&mut buffer).is_ok());
        }
        send += between - before;
        receive += thread_ns() - between;
    }
    let each = |ns: u64| ns as f64 / 1e3 / received as f64;
    Ok((each(send), each(receive)))
}

/// CPU time of this thread, nanoseconds. The kernel brings it up to date when asked for the clock, not for /proc.
fn thread_ns() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes the time into `t`, which lives.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) }, 0);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// How often this thread has slept until something came.
fn sleeps() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
    Ok(line.ok_or("/proc does not count switches")?.trim().parse()?)
}

/// CPU of sleeping until a packet comes, beyond that of a receive: at a few hundred calls nearly every packet of a generator that
/// spreads them over the milliseconds brings one.
fn wake_us(receive: f64) -> Result<f64> {
    const WAKES: u32 = 500;
    let mut poll = Poll::new()?;
    let leg = Leg::new(0, poll.registry())?;
    let to = leg.address()?;
    let sender = std::thread::spawn(move || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        (0..WAKES).try_for_each(|_| {
            std::thread::sleep(Duration::from_millis(1));
            socket.send_to(&[0x80; PACKET], to).map(drop)
        })
    });
    let (mut events, mut buffer, mut received) = (Events::with_capacity(8), [0; 2048], 0);
    let before = thread_ns();
    while received < WAKES && !sender.is_finished() {
        poll.poll(&mut events, Some(STEP))?;
        while leg.socket.recv_from(&mut buffer).is_ok() {
            received += 1;
        }
    }
    let each = (thread_ns() - before) as f64 / 1e3 / f64::from(received);
    sender.join().map_err(|_| "the sender is gone")??;
    Ok(each - receive)
}

/// Measures the pair, opens `n` legs, tells their ports, and works until standard input ends.
pub fn run<F: Floor>(n: usize, make: impl FnOnce(&Registry, usize) -> Result<F>) -> Result<()> {
    let (send, receive) = pair_us()?;
    println!("unit_us {send:.3} {receive:.3} {:.3}", wake_us(receive)?);
    let mut poll = Poll::new()?;
    let mut legs: Vec<Leg> = (0..n).map(|i| Leg::new(i, poll.registry())).collect::<Result<_>>()?;
    let mut floor = make(poll.registry(), n)?;
    let port = |l: &Leg| Ok(l.address()?.port().to_string());
    println!("ports {}", legs.iter().map(port).collect::<Result<Vec<_>>>()?.join(" "));
    std::io::stdout().flush()?;
    let ended = Arc::new(AtomicBool::new(false));
    let told = ended.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        told.store(true, Ordering::Relaxed);
    });
    let (mut events, mut buffer) = (Events::with_capacity(1024), [0; 2048]);
    let (mut received, mut sent, slept, began) = (0_u64, 0_u64, sleeps()?, Instant::now());
    let (mut next, mut phase) = (Instant::now() + STEP, 0);
    while !ended.load(Ordering::Relaxed) {
        let _ = poll.poll(&mut events, Some(next.saturating_duration_since(Instant::now())));
        for e in &events {
            let i = e.token().0;
            if i >= n {
                sent += floor.on_other(&mut legs, i)?;
                continue;
            }
            while let Some(leg) = legs.get_mut(i) {
                match leg.socket.recv_from(&mut buffer) {
                    Ok((len, from)) => {
                        received += 1;
                        leg.to.get_or_insert(from);
                        sent += floor.on_rtp(&mut legs, i, buffer.get(HEADER..len).unwrap_or_default())?;
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => {}
                }
            }
        }
        while Instant::now() >= next {
            sent += floor.on_tick(&mut legs, (phase..n).step_by(4));
            (next, phase) = (next + STEP, (phase + 1) % 4);
        }
    }
    let per_s = (sleeps()? - slept) as f64 / began.elapsed().as_secs_f64();
    println!("wakes_per_s {per_s:.0} received {received} sent {sent}");
    Ok(())
}
