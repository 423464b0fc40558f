//! A web server that misbehaves on demand, on loopback.

use chorus::webhooks::guard::{Guard, Lookup};
use chorus::webhooks::{fetch::Fetcher, tls};
use socket2::SockRef;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub server_name: Option<String>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// What the server does, in turn; then it closes.
pub enum Step {
    Send(Vec<u8>),
    Flood(usize),
    Hang,
    Reset,
}

type Handler = Box<dyn Fn(usize, &Seen) -> Vec<Step> + Send + Sync>;

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A whole answer with a length.
pub fn reply(status: u16, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::Send(
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes(),
    )]
}

pub fn ok(body: &str) -> Vec<Step> {
    reply(200, "Content-Type: text/xml\r\n", body)
}

pub fn raw(text: &str) -> Vec<Step> {
    vec![Step::Send(text.as_bytes().to_vec())]
}

impl Server {
    pub async fn start(handler: impl Fn(usize, &Seen) -> Vec<Step> + Send + Sync + 'static) -> Server {
        Server::launch(None, Box::new(handler)).await
    }

    pub async fn start_tls(
        config: rustls::ServerConfig,
        handler: impl Fn(usize, &Seen) -> Vec<Step> + Send + Sync + 'static,
    ) -> Server {
        Server::launch(Some(TlsAcceptor::from(Arc::new(config))), Box::new(handler)).await
    }

    async fn launch(acceptor: Option<TlsAcceptor>, handler: Handler) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let connections: Arc<Mutex<usize>> = Arc::default();
        let (all, count, handler) = (seen.clone(), connections.clone(), Arc::new(handler));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                let (all, handler, acceptor) = (all.clone(), handler.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => {
                            serve(
                                stream,
                                |s| SockRef::from(s).set_linger(Some(Duration::ZERO)),
                                None,
                                all,
                                handler,
                            )
                            .await
                        }
                        Some(acceptor) => {
                            let Ok(tls) = acceptor.accept(stream).await else { return };
                            let name = tls.get_ref().1.server_name().map(str::to_owned);
                            serve(
                                tls,
                                |s| SockRef::from(s.get_ref().0).set_linger(Some(Duration::ZERO)),
                                name,
                                all,
                                handler,
                            )
                            .await;
                        }
                    }
                });
            }
        });
        Server { address, seen, connections, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Waits until so many connections were accepted; a client that gave up may be faster than the server.
    pub async fn reached(&self, connections: usize) {
        while self.connections() < connections {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    linger: impl Fn(&S) -> std::io::Result<()>,
    server_name: Option<String>,
    all: Arc<Mutex<Vec<Seen>>>,
    handler: Arc<Handler>,
) {
    let Some(mut seen) = read(&mut stream).await else { return };
    seen.server_name = server_name;
    let nth = {
        let mut all = all.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    for step in handler(nth, &seen) {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Flood(octets) => {
                let chunk = vec![b'x'; 16 * 1024];
                let mut left = octets;
                while left > 0 {
                    let part = left.min(chunk.len());
                    if stream.write_all(&chunk[..part]).await.is_err() {
                        return;
                    }
                    left -= part;
                }
            }
            Step::Hang => std::future::pending::<()>().await,
            Step::Reset => {
                linger(&stream).unwrap();
                return;
            }
        }
    }
    let _ = stream.shutdown().await;
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let mut seen =
        Seen { method: first.next()?.into(), target: first.next()?.into(), headers, ..Seen::default() };
    let length: usize = seen.header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
    Some(seen)
}

/// Every name ends on loopback.
pub fn all_names_are_local() -> Lookup {
    Arc::new(|_| Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) }))
}

/// A fetcher of a server that listens on loopback.
pub fn fetcher(ca_file: Option<&Path>) -> Arc<Fetcher> {
    let guard = Guard::with_lookup(Vec::new(), true, all_names_are_local());
    Fetcher::new(guard, &tls::client_config(ca_file).unwrap()).unwrap()
}

/// A port on which nobody listens.
pub async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Accepts and closes at once.
pub async fn slammed() -> (SocketAddr, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count: Arc<Mutex<usize>> = Arc::default();
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            *counted.lock().unwrap() += 1;
            drop(stream);
        }
    });
    (address, count)
}

/// Accepts and never says a word.
pub async fn silent() -> (SocketAddr, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let held: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let keep = held.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            keep.lock().unwrap().push(stream);
        }
    });
    (address, held)
}
