//! Floor of INVITE to BYE with webhook and store: one thread that answers as a peer must and keeps what must be kept.
//! `floor-calls APP_ADDRESS LOG`
//!
//! An INVITE is answered 100, its webhook is a POST on a kept connection, its three rows (ringing, in-progress, completed)
//! are lines of a file: what waits is written and synced together, and the 200 leaves after the sync, as the server's does.
//! Answers stay in a table for 32 s for repeated requests. No parser beyond lines, no SQL, no XML, no ports, no timers of
//! RFC 3261: it is a bound, not a product.

use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::num::NonZero;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const SIP: Token = Token(0);
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(32);

/// A call whose webhook or commit is under way, or that is up.
struct Call {
    from: SocketAddr,
    head: String,
    last: Vec<u8>,
}

struct Floor {
    socket: UdpSocket,
    app: SocketAddr,
    poll: Poll,
    calls: HashMap<String, Call>,
    gone: VecDeque<(Instant, String)>,
    connections: Vec<(TcpStream, Option<String>)>,
    rows: Vec<u8>,
    gated: Vec<String>,
    log: File,
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let mut lines = message.lines().skip(1).take_while(|l| !l.is_empty());
    lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim)
}

/// The headers that every answer repeats.
fn head(message: &str) -> String {
    let mut out = String::new();
    for line in message.lines().skip(1).take_while(|l| !l.is_empty()) {
        if ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|n| line.starts_with(n)) {
            out.push_str(line);
            out.push_str("\r\n");
        } else if line.starts_with("To:") {
            out.push_str(line);
            out.push_str(if line.contains(";tag=") { "\r\n" } else { ";tag=floor\r\n" });
        }
    }
    out
}

impl Floor {
    fn on_sip(&mut self, message: &str, from: SocketAddr) -> Result<()> {
        let id = header(message, "Call-ID").to_owned();
        let method = message.split(' ').next().unwrap_or("");
        match method {
            "INVITE" => {
                if let Some(known) = self.calls.get(&id) {
                    let _ = self.socket.send_to(&known.last, from);
                    return Ok(());
                }
                let head = head(message);
                let last = format!("SIP/2.0 100 Trying\r\n{head}Content-Length: 0\r\n\r\n").into_bytes();
                let _ = self.socket.send_to(&last, from);
                self.row(&id, "ringing");
                self.ask(&id, header(message, "From"))?;
                self.calls.insert(id, Call { from, head, last });
            }
            "BYE" => {
                let bye = format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", head(message));
                let _ = self.socket.send_to(bye.as_bytes(), from);
                self.row(&id, "completed");
                self.gone.push_back((Instant::now() + KEPT, id));
            }
            _ => {}
        }
        Ok(())
    }

    /// Something of the size of a row.
    fn row(&mut self, id: &str, status: &str) {
        let _ = writeln!(self.rows, "{id} {status} {:>400}", "");
    }

    fn ask(&mut self, id: &str, from: &str) -> Result<()> {
        let number = from.split(['+', '@']).nth(1).unwrap_or("");
        let body = format!(
            "CallSid=CA0123456789abcdef0123456789abcdef&AccountSid=AC0123456789abcdef0123456789abcdef&From=%2B{number}&To=%2B15005550006&CallStatus=ringing&ApiVersion=2010-04-01&Direction=inbound"
        );
        let request = format!(
            "POST /calls HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.app,
            body.len()
        );
        let free = self.connections.iter().position(|(_, of)| of.is_none());
        let i = free.map_or_else(|| self.connect(), Ok)?;
        let (tcp, of) = self.connections.get_mut(i).ok_or("no connection")?;
        *of = Some(id.to_owned());
        let all = tcp.write(request.as_bytes())? == request.len();
        all.then_some(()).ok_or("the application does not read".into())
    }

    fn connect(&mut self) -> Result<usize> {
        let tcp = std::net::TcpStream::connect(self.app)?;
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        let mut tcp = TcpStream::from_std(tcp);
        let token = Token(self.connections.len() + 1);
        self.poll.registry().register(&mut tcp, token, Interest::READABLE)?;
        self.connections.push((tcp, None));
        Ok(self.connections.len() - 1)
    }

    /// A document came: the call may be answered once that is on the disk.
    fn on_app(&mut self, i: usize) -> Result<()> {
        let mut octets = [0; 4096];
        let Some((tcp, of)) = self.connections.get_mut(i) else { return Ok(()) };
        let mut got = 0;
        while let Ok(n) = tcp.read(&mut octets) {
            got += NonZero::new(n).ok_or("the application does not keep its connections")?.get();
        }
        if got > 0
            && let Some(id) = of.take()
        {
            self.row(&id, "in-progress");
            self.gated.push(id);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.log.write_all(&self.rows)?;
        self.log.sync_data()?;
        self.rows.clear();
        let at = self.socket.local_addr()?;
        let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
        for id in self.gated.drain(..) {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            call.last = format!(
                "SIP/2.0 200 OK\r\n{}Contact: <sip:floor@{at}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
                call.head,
                body.len()
            )
            .into_bytes();
            let _ = self.socket.send_to(&call.last, call.from);
        }
        Ok(())
    }
}

fn argument(n: usize) -> Result<String> {
    std::env::args().nth(n).ok_or_else(|| format!("argument {n} is missing").into())
}

fn main() -> Result<()> {
    let app = argument(1)?.parse()?;
    let log = File::create(argument(2)?)?;
    let mut socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("sip {}", socket.local_addr()?.port());
    let poll = Poll::new()?;
    poll.registry().register(&mut socket, SIP, Interest::READABLE)?;
    let (calls, gone, connections, rows, gated) = Default::default();
    let mut f = Floor { socket, app, poll, calls, gone, connections, rows, gated, log };
    let (mut events, mut datagram) = (Events::with_capacity(1024), [0; 4096]);
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    loop {
        let _ = f.poll.poll(&mut events, None);
        for e in &events {
            if e.token() != SIP {
                f.on_app(e.token().0 - 1)?;
                continue;
            }
            while let Ok((n, from)) = f.socket.recv_from(&mut datagram) {
                f.on_sip(&String::from_utf8_lossy(datagram.get(..n).unwrap_or_default()), from)?;
            }
        }
        f.commit()?;
        while let Some((_, id)) = f.gone.front().filter(|(at, _)| *at <= Instant::now()) {
            f.calls.remove(id);
            f.gone.pop_front();
        }
    }
}
