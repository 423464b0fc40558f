//! The user's application: answers with TwiML and notes every request with its token.

use super::http;
use crate::security::secrets;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path with query.
    pub path: String,
    pub params: BTreeMap<String, String>,
    /// I-Twilio-Idempotency-Token.
    pub token: String,
    /// The whole answer left.
    pub answered: bool,
}

impl Request {
    pub fn get(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

/// What it answers: (content type, body), and after how long.
pub type Reply = (Duration, &'static str, Vec<u8>);

pub fn twiml(inner: impl std::fmt::Display) -> Reply {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{inner}</Response>");
    (Duration::ZERO, "text/xml", text.into_bytes())
}

type Answerer = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct App {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    count: watch::Sender<usize>,
}

impl App {
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Arc<App> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Arc::new(App { address, seen: Arc::default(), count: watch::channel(0).0 });
        let (answer, it): (Arc<Answerer>, _) = (Arc::new(answer), app.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, it.clone(), answer.clone()));
            }
        });
        app
    }

    pub fn url(&self, path: &str) -> String {
        secrets::url(self.address, path)
    }

    /// Everything so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until this is so of what was seen; false: not within the time.
    pub async fn until(&self, limit: Duration, so: impl Fn(&[Request]) -> bool) -> bool {
        let mut count = self.count.subscribe();
        let reached = async {
            while !so(&self.seen()) {
                count.changed().await.unwrap();
            }
        };
        tokio::time::timeout(limit, reached).await.is_ok()
    }
}

async fn serve(mut stream: TcpStream, app: Arc<App>, answer: Arc<Answerer>) {
    let Ok((head, body)) = http::read(&mut stream).await else { return };
    let target = head.split(' ').nth(1).unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut params: BTreeMap<String, String> = serde_urlencoded::from_str(query).unwrap_or_default();
    params.extend(serde_urlencoded::from_bytes::<Vec<(String, String)>>(&body).unwrap_or_default());
    let token = http::header(&head, "i-twilio-idempotency-token").unwrap_or("").to_owned();
    let request = Request { path: path.to_owned(), params, token, answered: false };
    let (wait, content, body) = answer(&request);
    let index = {
        let mut seen = app.seen.lock().unwrap();
        seen.push(request);
        seen.len() - 1
    };
    app.count.send_modify(|n| *n += 1);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut all = head.into_bytes();
    all.extend_from_slice(&body);
    if stream.write_all(&all).await.is_ok() {
        app.seen.lock().unwrap()[index].answered = true;
    }
}
