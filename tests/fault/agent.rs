//! A streaming agent: sends back what it hears. Plain threads, because tungstenite reads from plain sockets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_tungstenite::tungstenite::{Message, accept};

pub struct Agent {
    pub address: SocketAddr,
    /// Media messages that it got.
    pub media: Arc<AtomicU64>,
}

pub fn start() -> Agent {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let media = Arc::new(AtomicU64::new(0));
    let count = media.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let count = count.clone();
            std::thread::spawn(move || echo(stream, &count));
        }
    });
    Agent { address, media }
}

/// Until the connection breaks.
fn echo(stream: TcpStream, count: &AtomicU64) -> Option<()> {
    let mut socket = accept(stream).ok()?;
    loop {
        let Message::Text(text) = socket.read().ok()? else { continue };
        let value: serde_json::Value = serde_json::from_str(&text).ok()?;
        if value["event"] == "media" {
            count.fetch_add(1, Ordering::Relaxed);
            let media = serde_json::json!({ "payload": value["media"]["payload"] });
            let back =
                serde_json::json!({ "event": "media", "streamSid": value["streamSid"], "media": media });
            socket.send(Message::text(back.to_string())).ok()?;
        }
    }
}
