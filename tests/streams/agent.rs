//! An agent in memory: tungstenite as the far end of a session.

use chorus::clock::{Mono, Now, Wall};
use chorus::media::event::{AgentEvent, StreamStart};
use chorus::media::plan::Track;
use chorus::rng::Rng;
use chorus::sid::{AccountSid, CallSid, StreamSid};
use chorus::sip::event::LegId;
use chorus::streams::{Session, StreamBuf};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
use tokio_tungstenite::tungstenite::{self, Message};

pub const SID: StreamSid = StreamSid(0x1234_5678_9abc_def0_1234_5678_9abc_def0);

pub fn at(ms: u64) -> Now {
    Now { mono: Mono(1_000_000 + ms * 1_000), wall: Wall(1_700_000_000_000 + ms as i64) }
}

pub fn start(bidirectional: bool) -> StreamStart {
    StreamStart {
        stream: SID,
        leg: LegId(1),
        account: AccountSid(7),
        call: CallSid(8),
        track: Track::Inbound,
        bidirectional,
        parameters: vec![("b".into(), "two \"2\"".into()), ("a".into(), "größe\n".into())],
    }
}

/// Two byte queues as a socket.
#[derive(Default)]
pub struct Pipe {
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.to_server.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = into.len().min(self.to_server.len());
        into[..n].copy_from_slice(&self.to_server[..n]);
        self.to_server.drain(..n);
        Ok(n)
    }
}

impl Write for Pipe {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.to_client.extend_from_slice(from);
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A session and its agent.
pub struct Pair {
    pub session: Session,
    pub out: StreamBuf,
    pub events: Vec<AgentEvent>,
    pub agent: WebSocket<Pipe>,
    pub now: Now,
}

impl Pair {
    /// Open, with `connected` and `start` still to be read.
    pub fn open(bidirectional: bool) -> Pair {
        let mut pair = Pair {
            session: Session::new(&start(bidirectional), at(0)).with_rng(Rng::from_number(1)),
            out: StreamBuf::new(),
            events: Vec::new(),
            agent: WebSocket::from_raw_socket(Pipe::default(), Role::Server, None),
            now: at(0),
        };
        pair.session.opened(pair.now, &mut pair.out);
        pair
    }

    /// Open, and the first two messages are read.
    pub fn started(bidirectional: bool) -> Pair {
        let mut pair = Pair::open(bidirectional);
        let first = pair.heard();
        assert_eq!(first[0]["event"], "connected");
        assert_eq!(first[1]["event"], "start");
        assert_eq!(first.len(), 2);
        pair.events.clear();
        while pair.session.poll_event().is_some() {}
        pair
    }

    /// What the agent reads next: None if nothing is there.
    pub fn read(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        let pipe = self.agent.get_mut();
        pipe.to_server.extend_from_slice(self.out.front());
        self.out.consume(self.out.len());
        match self.agent.read() {
            Err(tungstenite::Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => None,
            Err(tungstenite::Error::ConnectionClosed) => None,
            other => Some(other),
        }
    }

    /// All messages that the agent has received.
    pub fn heard(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(m) = self.read() {
            match m.unwrap() {
                Message::Text(t) => all.push(serde_json::from_str(&t).unwrap()),
                Message::Close(_) => all.push(json!("close")),
                other => panic!("unexpected {other:?}"),
            }
        }
        all
    }

    /// The agent says something; the session takes it in one piece.
    pub fn say(&mut self, m: Message) {
        self.agent.send(m).unwrap();
        let mut bytes = std::mem::take(&mut self.agent.get_mut().to_client);
        self.session.on_bytes(self.now, &mut bytes, &mut self.events, &mut self.out);
    }

    pub fn say_json(&mut self, v: &Value) {
        self.say(Message::text(v.to_string()));
    }

    pub fn media(&mut self, ulaw: &[u8]) {
        let payload = base64_simd::STANDARD.encode_to_string(ulaw);
        self.say_json(&json!({"event": "media", "streamSid": SID, "media": {"payload": payload}}));
    }

    pub fn mark(&mut self, name: &str) {
        self.say_json(&json!({"event": "mark", "streamSid": SID, "mark": {"name": name}}));
    }

    pub fn clear(&mut self) {
        self.say_json(&json!({"event": "clear", "streamSid": SID}));
    }

    /// One tick: the audio that is due, and the time after it.
    pub fn pull(&mut self) -> Vec<u8> {
        let mut frame = [0; 160];
        let n = self.session.pull(self.now, &mut frame, &mut self.out);
        self.now.mono = Mono(self.now.mono.0 + 20_000);
        if n == 0 { Vec::new() } else { frame.to_vec() }
    }

    /// Names of the marks that the agent got back.
    pub fn marks(&mut self) -> Vec<String> {
        let heard = self.heard();
        heard.iter().map(|m| m["mark"]["name"].as_str().unwrap().to_owned()).collect()
    }

    pub fn warnings(&self) -> Vec<u32> {
        let warnings = self.events.iter().filter_map(|e| match e {
            AgentEvent::Warning { code, .. } => Some(*code),
            _ => None,
        });
        warnings.collect()
    }

    pub fn closed(&self) -> Vec<(Option<u32>, bool)> {
        let closed = self.events.iter().filter_map(|e| match e {
            AgentEvent::Closed { code, stop, .. } => Some((*code, stop.is_some())),
            _ => None,
        });
        closed.collect()
    }
}

/// Audio that differs at every octet.
pub fn sound(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 + i / 256) as u8).collect()
}
