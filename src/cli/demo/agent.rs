//! (s) The sample streaming agent of the demo: a WebSocket server as one of Twilio's customers has it. It sends the caller's
//! speech back, then a mark, then a tone that it takes back by `clear`, and closes.

use super::Break;
use crate::media::codec::g711::{pcm_from_ulaw, ulaw_from_pcm};
use crate::media::level;
use crate::webhooks::sign;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept_hdr};

/// Milliseconds of the tone that `clear` takes back.
pub const TONE_MS: u64 = 3_000;
/// Its frequency.
const TONE_HZ: f64 = 440.0;
/// Frames (20 ms) of speech after which a pause means that the caller has finished.
const SPOKEN: u32 = 40;
/// Frames of that pause.
const PAUSE: u32 = 30;
/// Frames of the tone before it is cleared.
const BEFORE_CLEAR: u32 = 30;
/// Frames that a mark may take to come back before the agent goes on without it.
const MARK_WAIT: u32 = 60;
/// A connection that says nothing for so long is dropped.
const IDLE: Duration = Duration::from_secs(60);
/// Mean magnitude of speech.
const LOUD: u32 = 400;

/// What it saw and did on its last stream.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// `start` came.
    pub started: bool,
    /// The upgrade was signed.
    pub signed: bool,
    /// The document's Parameter `keys`.
    pub keys: String,
    /// Media messages received.
    pub frames: u64,
    /// Marks sent.
    pub marks: Vec<&'static str>,
    /// Marks that came back.
    pub marks_back: Vec<String>,
    /// `clear` was sent.
    pub cleared: bool,
    /// It closed.
    pub closed: bool,
}

/// The running agent.
pub struct Agent {
    /// `ws://...`
    pub url: String,
    /// See [`Notes`].
    pub notes: watch::Receiver<Notes>,
}

impl Agent {
    /// Waits until this is so.
    pub async fn until(&self, limit: Duration, so: impl Fn(&Notes) -> bool) -> bool {
        let mut notes = self.notes.clone();
        let reached = notes.wait_for(|n| so(n));
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }
}

/// Starts it on a free port of loopback; it serves one stream after the other.
///
/// # Errors
/// No port or no thread.
pub fn start(auth_token: &str, broken: Option<Break>) -> Result<Agent, String> {
    let failed = |e: std::io::Error| format!("the sample agent could not be started: {e}");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let url = format!("ws://{}/agent", listener.local_addr().map_err(failed)?);
    let (see, notes) = watch::channel(Notes::default());
    let (token, own) = (auth_token.to_owned(), url.clone());
    let serve = move || {
        for stream in listener.incoming().flatten() {
            see.send_replace(Notes::default());
            // A stream that breaks is Chorus' to report; the agent takes the next.
            let _ = serve(stream, &own, &token, broken, &see);
            see.send_modify(|n| n.closed = true);
        }
    };
    std::thread::Builder::new().name("demo agent".to_owned()).spawn(serve).map_err(failed)?;
    Ok(Agent { url, notes })
}

type Broke = Box<dyn std::error::Error>;

fn serve(
    stream: TcpStream,
    url: &str,
    token: &str,
    broken: Option<Break>,
    see: &watch::Sender<Notes>,
) -> Result<(), Broke> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    #[expect(clippy::result_large_err, reason = "tungstenite's callback must return its own type")]
    let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let signature =
            request.headers().get("X-Twilio-Signature").and_then(|v| v.to_str().ok()).unwrap_or("");
        if sign::verify(token, url, &[], signature) {
            return Ok(response);
        }
        let mut refused = ErrorResponse::new(None);
        *refused.status_mut() = StatusCode::FORBIDDEN;
        Err(refused)
    };
    let socket = accept_hdr(stream, check).map_err(|e| e.to_string())?;
    see.send_modify(|n| n.signed = true);
    Session { socket, broken, see, sid: String::new(), step: Step::Echo { spoken: 0, quiet: 0 } }.run()
}

/// Where the conversation is; the numbers count frames.
enum Step {
    Echo { spoken: u32, quiet: u32 },
    WaitMark(u32),
    Tone(u32),
    WaitTone(u32),
}

struct Session<'a> {
    socket: WebSocket<TcpStream>,
    broken: Option<Break>,
    see: &'a watch::Sender<Notes>,
    sid: String,
    step: Step,
}

impl Session<'_> {
    fn run(mut self) -> Result<(), Broke> {
        loop {
            let text = match self.socket.read()? {
                Message::Text(t) => t,
                Message::Close(_) => return Ok(()),
                _ => continue,
            };
            let message: Value = serde_json::from_str(&text)?;
            let at =
                |pointer: &str| message.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
            match at("/event").as_str() {
                "start" => {
                    self.sid = at("/streamSid");
                    let keys = at("/start/customParameters/keys");
                    self.see.send_modify(|n| (n.started, n.keys) = (true, keys));
                }
                "media" => self.on_media(&at("/media/payload"))?,
                "mark" => self.on_mark(at("/mark/name"))?,
                "stop" => return Ok(()),
                _ => {}
            }
        }
    }

    fn send(&mut self, event: &str, mut extra: Value) -> Result<(), Broke> {
        if let Some(m) = extra.as_object_mut() {
            m.insert("event".to_owned(), json!(event));
            m.insert("streamSid".to_owned(), json!(self.sid));
        }
        self.socket.send(Message::text(extra.to_string()))?;
        Ok(())
    }

    fn mark(&mut self, name: &'static str) -> Result<(), Broke> {
        if self.broken == Some(Break::LostMark) {
            return Ok(());
        }
        self.see.send_modify(|n| n.marks.push(name));
        self.send("mark", json!({ "mark": { "name": name } }))
    }

    fn on_media(&mut self, payload: &str) -> Result<(), Broke> {
        self.see.send_modify(|n| n.frames += 1);
        let ulaw = base64_simd::STANDARD.decode_to_vec(payload).map_err(|e| e.to_string())?;
        let pcm: Vec<i16> = ulaw.iter().map(|o| pcm_from_ulaw(*o)).collect();
        let loud = level::mean(&pcm) >= LOUD;
        match &mut self.step {
            Step::Echo { spoken, quiet } => {
                *spoken += u32::from(loud);
                *quiet = if loud { 0 } else { *quiet + 1 };
                let done = *spoken >= SPOKEN && *quiet >= PAUSE;
                if self.broken != Some(Break::MuteAgent) {
                    self.send("media", json!({ "media": { "payload": payload } }))?;
                }
                if done {
                    self.step = Step::WaitMark(0);
                    self.mark("echoed")?;
                }
            }
            Step::WaitMark(n) if *n >= MARK_WAIT => self.tone()?,
            Step::Tone(n) if *n >= BEFORE_CLEAR => {
                self.step = Step::WaitTone(0);
                self.see.send_modify(|n| n.cleared = true);
                if self.broken != Some(Break::LostClear) {
                    self.send("clear", json!({}))?;
                }
            }
            Step::WaitTone(n) if *n >= MARK_WAIT * 3 => self.close()?,
            Step::WaitMark(n) | Step::Tone(n) | Step::WaitTone(n) => *n += 1,
        }
        Ok(())
    }

    fn on_mark(&mut self, name: String) -> Result<(), Broke> {
        self.see.send_modify(|n| n.marks_back.push(name));
        match self.step {
            Step::WaitMark(_) => self.tone(),
            Step::WaitTone(_) => self.close(),
            _ => Ok(()),
        }
    }

    /// All of the tone in one message, and a mark behind it.
    fn tone(&mut self) -> Result<(), Broke> {
        self.step = Step::Tone(0);
        let ulaw: Vec<u8> = (0..TONE_MS * 8)
            .map(|i| {
                ulaw_from_pcm(((i as f64 * TONE_HZ / 8_000.0 * std::f64::consts::TAU).sin() * 8_000.0) as i16)
            })
            .collect();
        let payload = base64_simd::STANDARD.encode_to_string(&ulaw);
        self.send("media", json!({ "media": { "payload": payload } }))?;
        self.mark("tone")
    }

    fn close(&mut self) -> Result<(), Broke> {
        self.socket.close(None)?;
        Ok(())
    }
}
