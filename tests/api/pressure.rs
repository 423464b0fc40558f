//! Clients that are too slow, too large or too many, over HTTP and HTTPS: each gets Twilio's error with its code, on time, and touches
//! nothing (docs/SECURITY.md, limits).

use super::harness::*;
use chorus::api::auth_cache::GUESSES_MAX;
use chorus::api::limits::{AT_ONCE_MAX, BODY_MAX, URI_MAX};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A pause between two octets of a client that trickles; its reads wait so long.
const DRIP: Duration = Duration::from_millis(500);
/// What waits longer waits for ever: the limit is 10 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server without TLS and one with, and what must be removed after it.
fn both() -> [(Server, Option<PathBuf>); 2] {
    let (secure, dir) = secure();
    [(Server::start(), None), (secure, Some(dir))]
}

/// A server with TLS, and its certificates.
fn secure() -> (Server, PathBuf) {
    let dir = std::env::temp_dir().join(format!("chorus-pressure-{}", chorus::api::rng().hex(12)));
    let files = chorus::cli::tls::init(&dir, now().wall).unwrap();
    (Server::with(Setup { tls: Some((files.cert, files.key)), ..Setup::default() }), dir)
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection with a time of its own for each read.
fn open(server: &Server, tls: Option<&PathBuf>) -> Box<dyn Stream> {
    let socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(DRIP)).unwrap();
    match tls {
        None => Box::new(socket),
        Some(dir) => {
            let mut stream = super::tls::connect(&dir.join("ca.pem"), "localhost", socket);
            stream.sock.set_read_timeout(None).unwrap();
            stream.conn.complete_io(&mut stream.sock).unwrap();
            stream.sock.set_read_timeout(Some(DRIP)).unwrap();
            Box::new(stream)
        }
    }
}

/// The head of a POST Calls and the beginning of its body.
fn begun(server: &Server, announced: usize) -> String {
    format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {announced}\r\n\r\nTo=%2B1500",
        server.path("/Calls.json"),
        server.auth()
    )
}

/// Reads to the end; between two reads that bring nothing one more octet is sent, if the client drips.
fn drain(stream: &mut dyn Stream, drips: bool) -> Vec<u8> {
    let (mut all, until) = (Vec::new(), Instant::now() + PATIENCE);
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                assert!(
                    Instant::now() < until,
                    "the server waits for ever: {}",
                    String::from_utf8_lossy(&all)
                );
                if drips {
                    let _ = stream.write_all(b"5").and_then(|()| stream.flush());
                }
            }
            // A reset after the answer: the client went on sending.
            Err(_) => return all,
        }
    }
}

/// Silent ones and ones that drip: the whole body has one limit, so dripping helps nobody.
#[test]
fn a_body_that_comes_too_slowly_is_408() {
    let both = both();
    let before = both.iter().map(|(server, _)| server.dump()).collect::<Vec<_>>();
    std::thread::scope(|s| {
        for (server, tls) in &both {
            for drips in [false, true] {
                s.spawn(move || {
                    let mut stream = open(server, tls.as_ref());
                    // A gigabyte that is announced and does not come is slow, too.
                    stream.write_all(begun(server, 1 << 30).as_bytes()).unwrap();
                    stream.flush().unwrap();
                    let reply = Reply::parse(&drain(&mut *stream, drips));
                    assert!(reply.bad(408, 20408).contains("10 s"), "{reply:?}");
                });
            }
            // A head that never ends is no request yet: it is cut off without an answer of ours.
            s.spawn(move || {
                let mut stream = open(server, tls.as_ref());
                stream.write_all(b"POST /2010-04-01/Accounts HTTP/1.1\r\nHost: local").unwrap();
                stream.flush().unwrap();
                let answer = drain(&mut *stream, false);
                assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "), "{answer:?}");
            });
        }
    });
    for ((server, tls), before) in both.into_iter().zip(before) {
        assert_eq!(server.dump(), before);
        tls.into_iter().for_each(|dir| std::fs::remove_dir_all(dir).unwrap());
    }
}

#[test]
fn a_body_or_a_path_that_is_too_large_is_413_and_414() {
    for (server, tls) in both() {
        let before = server.dump();
        let exact =
            format!("FriendlyName=a&Padding={}", "x".repeat(BODY_MAX - "FriendlyName=a&Padding=".len()));
        server.post_raw("/Applications.json", exact.as_bytes()).good(201);
        let sid =
            server.get("/Applications.json").json()["applications"][0]["sid"].as_str().unwrap().to_owned();
        assert_eq!(server.delete(&format!("/Applications/{sid}.json")).status, 204);
        server.post_raw("/Calls.json", &vec![b'a'; BODY_MAX + 1]).bad(413, 20413);
        let auth = server.auth();
        let long = server.path(&format!("/Calls.json?To={}", "1".repeat(URI_MAX)));
        server.send("GET", &long, &[("Authorization", &auth)], b"").bad(414, 20413);
        assert_eq!(server.dump(), before);
        tls.into_iter().for_each(|dir| std::fs::remove_dir_all(dir).unwrap());
    }
}

/// So many requests under way that every worker has its fill of this account; another account is not held up by it.
#[test]
fn too_many_requests_at_once_are_429_and_others_are_served() {
    let server = Server::start();
    let (before, other) = (server.dump(), server.another(false));
    let workers = std::thread::available_parallelism().unwrap().get().min(4);
    let all = (AT_ONCE_MAX as usize + 1) * workers;
    let hold = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(begun(&server, 10_000).as_bytes()).unwrap();
        stream
    };
    // Connections go to the workers in turn, so all of them fill up; how soon they have read the heads is theirs.
    let mut held: Vec<TcpStream> = (0..all).map(|_| hold()).collect();
    let refused = loop {
        let reply = server.get("/Calls.json");
        if reply.status != 200 {
            break reply;
        }
        assert!(held.len() < 3 * all, "{} requests are under way and none is refused", held.len());
        // One for each worker: if there were one for each question, a worker that lacks one would have all the questions.
        held.extend((0..workers).map(|_| hold()));
    };
    refused.bad(429, 20429);
    assert_eq!(refused.headers["retry-after"], "1");
    let auth = basic(&other.sid.to_string(), &other.auth_token);
    let path = format!("/2010-04-01/Accounts/{}/Calls.json", other.sid);
    server.send("GET", &path, &[("Authorization", &auth)], b"").good(200);
    drop(held);
    // The places are given back as the workers notice.
    let until = Instant::now() + PATIENCE;
    while server.get("/Calls.json").status != 200 {
        assert!(Instant::now() < until, "places of clients that are gone are never given back");
    }
    assert_eq!(server.dump().lines().skip(1).collect::<Vec<_>>(), before.lines().skip(1).collect::<Vec<_>>());
}

/// Over HTTPS, at a key that does not exist; `access` has it over HTTP, at one that does.
#[test]
fn a_guesser_is_429_with_its_code() {
    let (server, dir) = secure();
    let path = server.path("/Calls.json");
    let wrong = basic(&format!("SK{}", "0".repeat(32)), "wrong-secret-of-a-guesser");
    stopped(|| server.send("GET", &path, &[("Authorization", &wrong)], b""));
    std::fs::remove_dir_all(dir).unwrap();
}

/// Asks until it is told to wait; how many guesses that took.
#[track_caller]
pub fn stopped(guess: impl Fn() -> Reply) -> usize {
    let replies = (0..10 * GUESSES_MAX).map(|_| guess()).enumerate();
    let (guesses, reply) =
        replies.into_iter().find(|(_, r)| r.status != 401).expect("the guesser is stopped");
    assert!(reply.bad(429, 20429).contains("Wait a minute"));
    assert_eq!(reply.headers["retry-after"], "1");
    guesses
}

/// A server that ends takes no more calls; what can be read is still read.
#[test]
fn a_server_that_cannot_take_a_call_is_503() {
    for (mut server, tls) in both() {
        let live = server.live_call();
        let made = server.drain_beside(&live, |server| {
            let to = server.callee().uri("answer");
            let fields = [("To", to.as_str()), ("From", "alice"), ("Twiml", "<Response/>")];
            let until = Instant::now() + PATIENCE;
            loop {
                let reply = server.post("/Calls.json", &fields);
                if reply.status != 201 {
                    server.send("GET", "/readyz", &[], b"").bad(503, 20503);
                    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
                    break reply;
                }
                assert!(Instant::now() < until, "a server that drains takes calls");
            }
        });
        made.bad(503, 20503);
        assert_eq!(made.headers["retry-after"], "1");
        tls.into_iter().for_each(|dir| std::fs::remove_dir_all(dir).unwrap());
    }
}
