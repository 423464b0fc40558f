//! A streaming agent in virtual time: the server side of a WebSocket over tungstenite, with a behaviour.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// What it does with what it hears.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends every media payload back.
    #[default]
    Echo,
    /// Says nothing.
    Mute,
    /// Sends every payload back and keeps no note of it.
    Forgetful,
}

/// In memory: what came in, what goes out.
#[derive(Default)]
struct Pipe {
    inbox: VecDeque<u8>,
    outbox: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.inbox.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = buf.len().min(self.inbox.len());
        for slot in buf.iter_mut().take(n) {
            *slot = self.inbox.pop_front().unwrap();
        }
        Ok(n)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.outbox.extend_from_slice(buf);
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What goes back to Chorus.
pub enum Back {
    /// Octets, with a line for the ladder unless it is media.
    Bytes(Option<String>, Vec<u8>),
    /// The connection ends.
    Eof,
}

pub struct Agent {
    pub behaviour: Behaviour,
    socket: WebSocket<Pipe>,
    pub messages: Vec<serde_json::Value>,
    lines: Vec<String>,
    pub stream_sid: String,
    pub closed: bool,
    /// It said goodbye.
    pub closing: bool,
}

impl Default for Agent {
    fn default() -> Agent {
        // It clears its buffer at each read: with the usual 128 KiB half of the simulation's time went there.
        let config = WebSocketConfig::default().read_buffer_size(1_024);
        Agent {
            behaviour: Behaviour::Echo,
            socket: WebSocket::from_raw_socket(Pipe::default(), Role::Server, Some(config)),
            messages: vec![],
            lines: vec![],
            stream_sid: String::new(),
            closed: false,
            closing: false,
        }
    }
}

impl Agent {
    pub fn clone_fresh(&self) -> Agent {
        Agent { behaviour: self.behaviour, ..Agent::default() }
    }

    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub fn on_bytes(&mut self, bytes: &[u8]) -> Vec<Back> {
        self.socket.get_mut().inbox.extend(bytes);
        let mut back = vec![];
        loop {
            match self.socket.read() {
                Ok(Message::Text(t)) => back.extend(self.on_text(&t)),
                Ok(Message::Close(_)) => self.lines.push("close".to_owned()),
                Ok(_) => {}
                Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.closed = true;
                    break;
                }
            }
        }
        let _ = self.socket.flush();
        let rest = std::mem::take(&mut self.socket.get_mut().outbox);
        if !rest.is_empty() {
            back.push(Back::Bytes(None, rest));
        }
        if self.closed {
            back.push(Back::Eof);
        }
        back
    }

    fn on_text(&mut self, text: &str) -> Vec<Back> {
        let m: serde_json::Value = serde_json::from_str(text).unwrap();
        let event = m["event"].as_str().unwrap_or("").to_owned();
        if event == "start" {
            self.stream_sid = m["streamSid"].as_str().unwrap().to_owned();
        }
        let mut back = vec![];
        if event == "media" {
            if self.behaviour != Behaviour::Mute {
                let payload = m["media"]["payload"].as_str().unwrap();
                let sid = &self.stream_sid;
                let reply =
                    format!(r#"{{"event":"media","streamSid":"{sid}","media":{{"payload":"{payload}"}}}}"#);
                back.push(Back::Bytes(None, self.text(&reply)));
            }
        } else {
            let extra = match event.as_str() {
                "dtmf" => m["dtmf"]["digit"].as_str().unwrap_or(""),
                "mark" => m["mark"]["name"].as_str().unwrap_or(""),
                _ => "",
            };
            self.lines.push(format!("{event} {extra}").trim().to_owned());
        }
        if self.behaviour == Behaviour::Echo || event != "media" {
            self.messages.push(m);
        }
        back
    }

    /// A text frame.
    pub fn text(&mut self, text: &str) -> Vec<u8> {
        // Chorus may have said goodbye already: then nothing is sent.
        let _ = self.socket.send(Message::text(text.to_owned()));
        std::mem::take(&mut self.socket.get_mut().outbox)
    }

    /// A close frame.
    pub fn close(&mut self) -> Vec<u8> {
        self.closing = true;
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
        std::mem::take(&mut self.socket.get_mut().outbox)
    }

    /// Chorus ended the connection.
    pub fn ended(&mut self) -> Vec<Back> {
        self.closed = true;
        vec![]
    }

    /// Events other than media, in order.
    pub fn events(&self) -> Vec<String> {
        self.messages
            .iter()
            .filter_map(|m| m["event"].as_str())
            .filter(|e| *e != "media")
            .map(str::to_owned)
            .collect()
    }
}
