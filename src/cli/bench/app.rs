//! (s) The user's web application of the generator: a thread a connection, kept alive, one document a path.

use super::mark;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Calls whose webhooks are timed.
pub const CALLS_MAX: usize = 65_536;
/// Frames of the file that Play plays.
pub const FRAMES: usize = 500;
/// A request's body that is longer is none of ours.
const BODY_MAX: usize = 16 * 1024;

/// See the module.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    answered: Arc<Vec<AtomicU64>>,
}

/// What a thread needs.
#[derive(Clone)]
struct Shared {
    address: SocketAddr,
    agent: SocketAddr,
    epoch: Instant,
    answered: Arc<Vec<AtomicU64>>,
    wav: Arc<Vec<u8>>,
}

/// The caller's number of a call.
pub fn caller(index: usize) -> String {
    format!("+1900{index:07}")
}

/// The number that a call dials.
pub fn callee(index: usize) -> String {
    format!("+1888{index:07}")
}

/// Which call a number belongs to.
pub fn index_of(number: &str) -> Option<usize> {
    number.get(number.len().checked_sub(7)?..)?.parse().ok()
}

impl App {
    /// Listens. Times are counted from `epoch`.
    ///
    /// # Errors
    /// The kernel's word.
    pub fn start(agent: SocketAddr, epoch: Instant) -> Result<App, String> {
        let failed = |e: std::io::Error| format!("the sample application: {e}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let answered: Arc<Vec<AtomicU64>> = Arc::new((0..CALLS_MAX).map(|_| AtomicU64::new(0)).collect());
        let shared = Shared { address, agent, epoch, answered: answered.clone(), wav: Arc::new(wav()) };
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || serve(tcp, &shared));
            }
        });
        Ok(App { address, answered })
    }

    /// When the webhook of a call was answered, microseconds since the epoch; 0: never.
    pub fn answered(&self, index: usize) -> u64 {
        self.answered.get(index).map_or(0, |a| a.load(Ordering::Relaxed))
    }

    /// For another run.
    pub fn forget(&self) {
        self.answered.iter().for_each(|a| a.store(0, Ordering::Relaxed));
    }
}

fn serve(tcp: TcpStream, shared: &Shared) -> Option<()> {
    tcp.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(tcp);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(n) = header.strip_prefix("content-length:") {
                length = n.trim().parse().ok().filter(|n| *n <= BODY_MAX)?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let from = caller_of(&body);
        let (kind, answer) = shared.answer(&path, from.unwrap_or(0));
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", answer.len());
        let whole = [head.as_bytes(), &answer].concat();
        if let Some(at) = from.and_then(|i| shared.answered.get(i)) {
            // Only the first document of a call.
            let now = u64::try_from(shared.epoch.elapsed().as_micros()).unwrap_or(0);
            let _ = at.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
        reader.get_mut().write_all(&whole).ok()?;
    }
}

fn caller_of(body: &[u8]) -> Option<usize> {
    let form: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
    form.iter().find(|(k, _)| k == "From").and_then(|(_, v)| index_of(v))
}

impl Shared {
    fn answer(&self, path: &str, index: usize) -> (&'static str, Vec<u8>) {
        let verbs = match path {
            "/tone.wav" => return ("audio/wav", self.wav.to_vec()),
            "/calls" => r#"<Gather timeout="60"/>"#.to_owned(),
            "/play" => format!(r#"<Play loop="1000">http://{}/tone.wav</Play>"#, self.address),
            "/bridge" => format!(r#"<Dial answerOnBridge="true">{}</Dial>"#, callee(index)),
            "/record" => {
                r#"<Record playBeep="false" timeout="0" maxLength="3600" trim="do-not-trim"/>"#.to_owned()
            }
            "/stream" => format!(r#"<Connect><Stream url="ws://{}/media"/></Connect>"#, self.agent),
            _ => String::new(),
        };
        ("text/xml", format!("<?xml version=\"1.0\"?><Response>{verbs}</Response>").into_bytes())
    }
}

/// The file as mu-law: frame k carries mark k of voice [`mark::FILE`].
pub fn ulaw() -> Vec<u8> {
    (0..FRAMES).flat_map(|k| mark::frame(mark::FILE, u32::try_from(k).unwrap_or(0))).collect()
}

fn wav() -> Vec<u8> {
    let samples: Vec<u8> =
        ulaw().iter().flat_map(|o| crate::media::codec::g711::pcm_from_ulaw(*o).to_le_bytes()).collect();
    let length = u64::try_from(samples.len()).unwrap_or(0);
    let mut file = crate::media::disk::wav::header(1, length).to_vec();
    file.extend_from_slice(&samples);
    file
}
