//! A web application on this host: gives TwiML by path and remembers what it was asked.

use super::callee::Seen;
use crate::security::secrets;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub fields: HashMap<String, String>,
}

/// See the module. Its threads end with the process.
pub struct App {
    address: SocketAddr,
    pub asked: Arc<Seen<Asked>>,
    documents: Arc<Documents>,
}

impl App {
    pub fn start() -> App {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, documents) = (Arc::<Seen<Asked>>::default(), Arc::<Documents>::default());
        let (seen, known) = (Arc::clone(&asked), Arc::clone(&documents));
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let (seen, known) = (Arc::clone(&seen), Arc::clone(&known));
                std::thread::spawn(move || serve(socket, &seen, &known));
            }
        });
        App { address, asked, documents }
    }

    /// What stands inside Response at this path, and further header lines of the answer.
    pub fn on(&self, path: &str, body: &str, head: &str) {
        let document = format!("<Response>{body}</Response>");
        self.documents.lock().unwrap().insert(path.to_owned(), (document, head.to_owned()));
    }

    /// For those who append paths themselves.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn url(&self, path: &str) -> String {
        secrets::url(self.address, path)
    }

    /// What was asked of a path so far.
    pub fn of(&self, path: &str) -> Vec<Asked> {
        self.asked.all().into_iter().filter(|a| a.path == path).collect()
    }
}

type Documents = Mutex<HashMap<String, (String, String)>>;

fn serve(socket: TcpStream, seen: &Seen<Asked>, known: &Documents) -> Option<()> {
    let mut lines = BufReader::new(socket.try_clone().ok()?);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target.as_str(), ""));
    let pairs = [query.as_bytes(), &body].map(serde_urlencoded::from_bytes::<Vec<(String, String)>>);
    let fields = pairs.into_iter().flatten().flatten().collect();
    let (document, head) = known.lock().unwrap().get(path).cloned().unwrap_or_default();
    let tag = headers.get("if-none-match").cloned();
    let same = tag.is_some_and(|t| head.contains(&format!("ETag: {t}\r\n")));
    seen.add(Asked { method, path: path.to_owned(), fields });
    let (status, document) = if same { ("304 Not Modified", String::new()) } else { ("200 OK", document) };
    let answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/xml\r\n{head}Content-Length: {}\r\n\r\n{document}",
        document.len()
    );
    (&socket).write_all(answer.as_bytes()).ok()
}
