//! A worker on real sockets, with a phone and an agent. Nobody sleeps: everybody waits for what must come, with a deadline.

use super::agent::{SID, start};
use super::disk::Folder;
use crate::media::rig::peer;
use chorus::clock::{Mono, Now};
use chorus::media::disk::{Disk, DiskThread};
use chorus::media::event::{AgentEvent, EngineCommand, MediaEvent, StreamStart};
use chorus::media::plan::{Codec, Keys, MediaPlan, Source, SourceId, Tap, TapId, Track};
use chorus::media::port::PortPair;
use chorus::media::worker::{Clock, Worker, WorkerCommand, WorkerConfig, system_clock};
use chorus::sip::event::LegId;
use chorus::streams::connect::{Dialled, Failure, dial};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

pub const WAIT: Duration = Duration::from_secs(20);
pub const LEG: LegId = LegId(1);

fn provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A clock that can be put forward. Only workers read it, so it also tells what they have allocated.
#[derive(Clone)]
pub struct Jumping(Arc<AtomicU64>, Clock, Arc<AtomicU64>);

impl Jumping {
    pub fn new() -> Jumping {
        Jumping(Arc::default(), system_clock(), Arc::default())
    }

    pub fn jump(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as u64, Ordering::SeqCst);
    }

    /// Allocations of the thread that read the clock last, until then: of the worker, if there is one.
    pub fn allocations(&self) -> u64 {
        self.2.load(Ordering::SeqCst)
    }

    pub fn clock(&self) -> Clock {
        let me = self.clone();
        Arc::new(move || {
            me.2.store(crate::media::alloc::so_far(), Ordering::SeqCst);
            let now = (me.1)();
            Now { mono: Mono(now.mono.0 + me.0.load(Ordering::SeqCst)), wall: now.wall }
        })
    }
}

/// Workers, their events, and one leg's phone.
pub struct Rig {
    pub workers: Vec<Worker>,
    pub events: mpsc::Receiver<MediaEvent>,
    pub runtime: Runtime,
    pub clock: Jumping,
    pub folder: Folder,
    pub phone: Phone,
    disk: Option<DiskThread>,
}

impl Rig {
    pub fn new(name: &str, workers: usize) -> Rig {
        Rig::with_events(name, workers, 1_024)
    }

    /// With another bound on the events that may wait for the driver.
    pub fn with_events(name: &str, workers: usize, waiting: usize) -> Rig {
        Rig::with_bounds(name, workers, waiting, 64)
    }

    /// And on the work that may wait for the disk.
    pub fn with_bounds(name: &str, workers: usize, waiting: usize, disk_queue: usize) -> Rig {
        provider();
        let folder = Folder::new(name);
        let (disk, thread) = Disk::with_queue(&folder.0, disk_queue).unwrap();
        let (to, events) = mpsc::channel(waiting);
        let clock = Jumping::new();
        let spawn = |index: usize| {
            let seed = [index as u8; 32];
            Worker::spawn(WorkerConfig {
                index,
                seed,
                clock: clock.clock(),
                events: to.clone(),
                disk: disk.clone(),
            })
        };
        let workers = (0..workers).map(|i| spawn(i).unwrap()).collect();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Rig { workers, events, runtime, clock, folder, phone: Phone::new(), disk: Some(thread) }
    }

    pub fn tell(&self, worker: usize, c: WorkerCommand) {
        assert!(self.workers[worker].handle().try_send(c).is_ok());
    }

    /// A leg with our phone as its peer, that hears the agent and lets it hear.
    pub fn open_leg(&mut self, taps: BTreeMap<TapId, Tap>) {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (rtp, rtcp) = (bind(), bind());
        let local = rtp.local_addr().unwrap();
        self.phone.leg = Some(local);
        self.tell(
            0,
            WorkerCommand::Open { leg: LEG, ssrc: 77, ports: PortPair { rtp, rtcp, local, lease: None } },
        );
        self.plan(0, taps);
    }

    pub fn plan(&mut self, worker: usize, taps: BTreeMap<TapId, Tap>) {
        let peer = peer(self.phone.socket.local_addr().unwrap(), Codec::Pcmu);
        let plan = MediaPlan {
            source: Some((SourceId(1), Source::Agent(SID))),
            taps,
            keys: Keys { report: true, silence_source: false },
            peer: Some(peer),
            silent_after_s: None,
        };
        self.tell(worker, WorkerCommand::Engine(EngineCommand::Plan(LEG, Box::new(plan))));
    }

    /// The stream is described; its leg lets it hear.
    pub fn open_stream(&mut self) {
        let stream = Tap::Stream { stream: SID, track: Track::Inbound };
        self.open_leg([(TapId(1), stream)].into());
        let start = StreamStart { leg: LEG, ..start(true) };
        self.tell(0, WorkerCommand::Engine(EngineCommand::OpenStream(Box::new(start))));
    }

    /// Dials as the driver would.
    pub fn dial(&self, url: &str, tls: &Arc<ClientConfig>) -> Result<Dialled, Failure> {
        let resolve = |t: chorus::streams::target::Target| async move {
            Ok(vec![SocketAddr::new("127.0.0.1".parse().unwrap(), t.port)])
        };
        self.runtime.block_on(dial(url, tls, [3; 16], |u| format!("signed {u}"), resolve))
    }

    pub fn connect(&mut self, url: &str, tls: &Arc<ClientConfig>) {
        let dialled = Box::new(self.dial(url, tls).unwrap());
        self.tell(0, WorkerCommand::Socket { stream: SID, dialled });
    }

    /// The next event that `pick` wants.
    pub fn event<T>(&mut self, mut pick: impl FnMut(&MediaEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + WAIT;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = async { tokio::time::timeout(left, self.events.recv()).await };
            let Ok(Some(e)) = self.runtime.block_on(next) else {
                panic!("it did not come; there were {seen:?}")
            };
            if let Some(t) = pick(&e) {
                return t;
            }
            seen.push(e);
        }
    }

    /// The next event of the stream that `pick` wants.
    pub fn agent_event<T>(&mut self, mut pick: impl FnMut(&AgentEvent) -> Option<T>) -> T {
        self.event(|e| match e {
            MediaEvent::Agent(leg, stream, a) => {
                assert_eq!((*leg, *stream), (LEG, SID));
                pick(a)
            }
            _ => None,
        })
    }

    pub fn opened(&mut self) {
        self.agent_event(|a| match a {
            AgentEvent::Opened => Some(()),
            AgentEvent::Failed { code, words } => panic!("{code}: {words}"),
            _ => None,
        });
    }

    pub fn failed(&mut self) -> u32 {
        self.agent_event(|a| match a {
            AgentEvent::Failed { code, .. } => Some(*code),
            AgentEvent::Opened => panic!("it opened"),
            _ => None,
        })
    }

    pub fn closed(&mut self) -> Option<u32> {
        self.agent_event(|a| match a {
            AgentEvent::Closed { code, .. } => Some(*code),
            _ => None,
        })
    }

    /// Ends the leg; nothing may be left of it.
    pub fn finish(mut self, worker: usize) {
        self.tell(worker, WorkerCommand::Engine(EngineCommand::Close(LEG)));
        self.event(|e| matches!(e, MediaEvent::Stats(l, _) if *l == LEG).then_some(()));
        self.stop();
    }

    /// Ends everything without asking.
    pub fn stop(mut self) {
        for w in self.workers.drain(..) {
            w.stop();
        }
        self.disk.take().unwrap().stop();
    }
}

/// Sends and receives RTP.
pub struct Phone {
    pub socket: UdpSocket,
    pub leg: Option<SocketAddr>,
    sequence: u16,
}

impl Phone {
    fn new() -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        Phone { socket, leg: None, sequence: 1_000 }
    }

    /// 20 ms of one value.
    pub fn say(&mut self, value: u8) {
        let mut packet = vec![0x80, 0];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(self.sequence) * 160).to_be_bytes());
        packet.extend_from_slice(&0xCAFE_u32.to_be_bytes());
        packet.extend_from_slice(&[value; 160]);
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send_to(&packet, self.leg.unwrap()).unwrap();
    }

    /// Waits until it hears the value.
    pub fn hear(&mut self, value: u8) {
        let deadline = Instant::now() + WAIT;
        let mut packet = [0; 2_048];
        while Instant::now() < deadline {
            let (n, _) = self.socket.recv_from(&mut packet).expect("nothing is heard");
            if n == 172 && packet[12..172].iter().all(|b| *b == value) {
                return;
            }
        }
        panic!("{value} was not heard");
    }
}

/// A certificate for localhost and what trusts it.
pub fn certificate() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    provider();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}
