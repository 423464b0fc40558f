//! Workers with phones and agents on loopback.

use super::agent::SID;
use super::rig::{LEG, Rig, WAIT, certificate};
use chorus::media::event::{AgentEvent, EngineCommand, MediaEvent, TapEndReason};
use chorus::media::plan::{RecordTap, Tap, TapId, Track};
use chorus::media::worker::WorkerCommand;
use chorus::sid::RecordingSid;
use chorus::streams::codes;
use chorus::streams::connect::Failure;
use chorus::streams::handshake::accept_of;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Message, accept};

/// Audio of this value makes the agent close.
const CLOSE: u8 = 0x2A;
/// Audio of this value makes it vanish.
const VANISH: u8 = 0x2B;

/// Echoes audio with a mark behind it; tells what it heard.
fn converse(socket: impl Read + Write, told: &mpsc::Sender<Value>) {
    let Ok(mut ws) = accept(socket) else { return };
    while let Ok(m) = ws.read() {
        let Message::Text(text) = m else { continue };
        let v: Value = serde_json::from_str(&text).unwrap();
        let _ = told.send(v.clone());
        let Some(payload) = v["media"]["payload"].as_str() else { continue };
        match base64_simd::STANDARD.decode_to_vec(payload).unwrap()[0] {
            CLOSE => ws.close(None).unwrap(),
            VANISH => return,
            _ => {
                let media = json!({"event": "media", "streamSid": SID, "media": {"payload": payload}});
                let mark = json!({"event": "mark", "streamSid": SID, "mark": {"name": "m"}});
                ws.send(Message::text(media.to_string())).unwrap();
                ws.send(Message::text(mark.to_string())).unwrap();
            }
        }
    }
    let _ = told.send(json!("gone"));
}

/// An echoing agent for one connection.
fn agent(tls: Option<Arc<ServerConfig>>) -> (SocketAddr, mpsc::Receiver<Value>) {
    let (told, tells) = mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(WAIT)).unwrap();
        match tls.map(|config| ServerConnection::new(config).unwrap()) {
            None => converse(tcp, &told),
            Some(tls) => converse(StreamOwned::new(tls, tcp), &told),
        }
    });
    (address, tells)
}

fn until(tells: &mpsc::Receiver<Value>, event: &str) -> Value {
    loop {
        let v = tells.recv_timeout(WAIT).unwrap();
        if v["event"] == event || v == event {
            return v;
        }
    }
}

/// The caller's audio comes back to it, in both directions as it was.
fn echo(rig: &mut Rig, rounds: u8) {
    for value in 1..=rounds {
        rig.phone.say(value);
        rig.phone.hear(value);
    }
}

#[test]
fn an_agent_over_ws_echoes_and_closes() {
    let mut rig = Rig::new("worker-ws", 1);
    let (address, tells) = agent(None);
    let (_, tls) = certificate();
    rig.open_stream();
    rig.connect(&format!("ws://{address}/media?not=sent"), &tls);
    rig.opened();
    assert_eq!(until(&tells, "connected")["protocol"], "Call");
    assert_eq!(until(&tells, "start")["start"]["customParameters"]["b"], "two \"2\"");
    echo(&mut rig, 20);
    assert_eq!(until(&tells, "mark")["mark"]["name"], "m");
    rig.phone.say(CLOSE);
    assert_eq!(rig.closed(), None);
    until(&tells, "gone");
    rig.finish(0);
}

#[test]
fn an_agent_over_wss_echoes_and_is_closed_by_us_with_stop() {
    let mut rig = Rig::new("worker-wss", 1);
    let (server, client) = certificate();
    let (address, tells) = agent(Some(server));
    rig.open_stream();
    rig.connect(&format!("wss://localhost:{}/", address.port()), &client);
    rig.opened();
    echo(&mut rig, 20);
    rig.tell(0, WorkerCommand::Engine(EngineCommand::CloseStream(SID)));
    assert_eq!(until(&tells, "stop")["stop"]["callSid"], "CA00000000000000000000000000000008");
    until(&tells, "gone");
    rig.finish(0);
}

#[test]
fn an_agent_that_vanishes_is_a_broken_pipe() {
    let mut rig = Rig::new("worker-vanish", 1);
    let (address, _tells) = agent(None);
    rig.open_stream();
    rig.connect(&format!("ws://{address}/"), &certificate().1);
    rig.opened();
    rig.phone.say(VANISH);
    assert_eq!(rig.closed(), Some(codes::BROKEN_PIPE));
    rig.finish(0);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_31910() {
    let mut rig = Rig::new("worker-cert", 1);
    let (server, client) = certificate();
    let (address, _tells) = agent(Some(server.clone()));
    rig.open_stream();
    rig.connect(&format!("wss://localhost:{}/", address.port()), &certificate().1);
    assert_eq!(rig.failed(), codes::TLS);
    // The right root, the wrong name.
    let (address, _tells) = agent(Some(server));
    let start = super::agent::start(true);
    rig.tell(0, WorkerCommand::Engine(EngineCommand::OpenStream(Box::new(start))));
    rig.connect(&format!("wss://other.example:{}/", address.port()), &client);
    assert_eq!(rig.failed(), codes::TLS);
    rig.finish(0);
}

/// An agent by hand: `speak` gets the connection and the head of the request.
fn raw_agent<T: Send + 'static>(
    speak: impl FnOnce(TcpStream, String) -> T + Send + 'static,
) -> (SocketAddr, std::thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Before accepting, so that it counts for the connection.
    socket2::SockRef::from(&listener).set_recv_buffer_size(4_096).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(WAIT)).unwrap();
        let mut head = Vec::new();
        let mut octet = [0];
        while !head.ends_with(b"\r\n\r\n") {
            tcp.read_exact(&mut octet).unwrap();
            head.push(octet[0]);
        }
        speak(tcp, String::from_utf8(head).unwrap())
    });
    (address, thread)
}

fn switching(head: &str) -> Vec<u8> {
    let key = head.lines().find_map(|l| l.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = accept_of(key);
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        .into_bytes()
}

fn text_frame(text: &str) -> Vec<u8> {
    let mut f = vec![0x81, 126];
    f.extend_from_slice(&(text.len() as u16).to_be_bytes());
    f.extend_from_slice(text.as_bytes());
    f
}

fn media_frame(value: u8, frames: usize) -> Vec<u8> {
    let payload = base64_simd::STANDARD.encode_to_string(vec![value; 160 * frames]);
    text_frame(&json!({"event": "media", "streamSid": SID, "media": {"payload": payload}}).to_string())
}

#[test]
fn audio_in_the_same_segment_as_the_101_is_heard() {
    let mut rig = Rig::new("worker-segment", 1);
    let (address, agent) = raw_agent(|mut tcp, head| {
        let mut segment = switching(&head);
        segment.extend(media_frame(0x55, 3));
        tcp.write_all(&segment).unwrap();
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest);
        head
    });
    rig.open_stream();
    rig.connect(&format!("ws://{address}/a/b?secret=1"), &certificate().1);
    rig.opened();
    for _ in 0..3 {
        rig.phone.hear(0x55);
    }
    rig.finish(0);
    let head = agent.join().unwrap();
    assert!(head.starts_with("GET /a/b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("X-Twilio-Signature: signed ws://{address}/a/b\r\n")), "{head}");
}

#[test]
fn answers_that_are_no_stream_have_their_codes() {
    for (answer, code) in [
        (&b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"[..], codes::NOT_101),
        (b"", codes::BROKEN_PIPE),
        (b"HTTP/1.1 101 ok\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", codes::PROTOCOL),
    ] {
        let mut rig = Rig::new("worker-answers", 1);
        let (address, agent) = raw_agent(move |mut tcp, _| tcp.write_all(answer).unwrap());
        rig.open_stream();
        rig.connect(&format!("ws://{address}/"), &certificate().1);
        assert_eq!(rig.failed(), code);
        agent.join().unwrap();
        rig.finish(0);
    }
}

#[test]
fn an_agent_that_breaks_the_protocol_is_31924_and_one_that_closes_with_an_error_31921() {
    for (bytes, code) in
        [(&[0x09u8, 0x00][..], codes::PROTOCOL), (&[0x88, 0x02, 0x03, 0xF3], codes::CLOSED_BY_AGENT)]
    {
        let mut rig = Rig::new("worker-protocol", 1);
        let (address, agent) = raw_agent(move |mut tcp, head| {
            let mut segment = switching(&head);
            segment.extend_from_slice(bytes);
            tcp.write_all(&segment).unwrap();
            let mut rest = Vec::new();
            tcp.read_to_end(&mut rest).unwrap();
        });
        rig.open_stream();
        rig.connect(&format!("ws://{address}/"), &certificate().1);
        assert_eq!(rig.closed(), Some(code));
        agent.join().unwrap();
        rig.finish(0);
    }
}

#[test]
fn an_agent_that_closes_and_goes_without_reading_has_closed_cleanly() {
    for _ in 0..10 {
        let mut rig = Rig::new("worker-goes", 1);
        let (address, agent) = raw_agent(|mut tcp, head| {
            let mut segment = switching(&head);
            segment.extend_from_slice(&[0x88, 0x02, 0x03, 0xE8]);
            // `connected` and `start` lie unread in this socket: the kernel sends a reset behind the close frame.
            let mut octet = [0];
            tcp.write_all(&segment[..segment.len() - 4]).unwrap();
            tcp.read_exact(&mut octet).unwrap();
            tcp.write_all(&segment[segment.len() - 4..]).unwrap();
        });
        rig.open_stream();
        rig.connect(&format!("ws://{address}/"), &certificate().1);
        rig.opened();
        (0..20).for_each(|_| rig.phone.say(1));
        assert_eq!(rig.closed(), None);
        agent.join().unwrap();
        rig.finish(0);
    }
}

#[test]
fn a_driver_that_is_behind_gets_every_event_in_order_later() {
    let mut rig = Rig::with_events("worker-behind", 1, 1);
    let (address, tells) = agent(None);
    rig.open_stream();
    rig.connect(&format!("ws://{address}/"), &certificate().1);
    until(&tells, "start");
    // Nobody takes an event here, and audio flows all the same.
    echo(&mut rig, 30);
    rig.phone.say(CLOSE);
    rig.opened();
    let mut echoes = 0;
    rig.agent_event(|a| {
        echoes += usize::from(*a == AgentEvent::Message { sent: true, what: "mark" });
        matches!(a, AgentEvent::Closed { .. }).then_some(())
    });
    assert!(echoes >= 29, "{echoes}");
    assert_eq!(rig.workers[0].handle().counters().events_lost.load(Ordering::Relaxed), 0);
    rig.finish(0);
}

#[test]
fn an_agent_that_says_nothing_times_out() {
    let mut rig = Rig::new("worker-silent", 1);
    let (address, agent) = raw_agent(|mut tcp, _| {
        let mut rest = Vec::new();
        tcp.read_to_end(&mut rest).unwrap();
    });
    rig.open_stream();
    rig.connect(&format!("ws://{address}/"), &certificate().1);
    // The socket is with the worker once its counter says so.
    while rig.workers[0].handle().counters().streams.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    rig.clock.jump(Duration::from_secs(6));
    assert_eq!(rig.failed(), codes::TIMEOUT);
    agent.join().unwrap();
    rig.finish(0);
}

#[test]
fn an_agent_that_does_not_read_loses_old_audio_and_nothing_else() {
    let mut rig = Rig::new("worker-slow", 1);
    let (go, wait) = mpsc::channel();
    let (address, agent) = raw_agent(move |mut tcp, head| {
        tcp.write_all(&switching(&head)).unwrap();
        let () = wait.recv_timeout(WAIT).unwrap();
        let mut all = Vec::new();
        tcp.read_to_end(&mut all).unwrap();
        all
    });
    rig.open_stream();
    rig.connect(&format!("ws://{address}/"), &certificate().1);
    rig.opened();
    // More than the kernel's buffers hold; the clock goes on as it would.
    let counters = rig.workers[0].handle().counters();
    let mut said = 0;
    while counters.stream_dropped.load(Ordering::Relaxed) < 20 {
        rig.phone.say(0x11);
        rig.phone.hear(0xFF);
        rig.clock.jump(Duration::from_millis(20));
        said += 1;
        assert!(said < 5_000, "nothing is ever dropped");
    }
    let code = rig.agent_event(|a| match a {
        AgentEvent::Warning { code, .. } => Some(*code),
        _ => None,
    });
    assert_eq!(code, codes::UPSTREAM_OVERFLOW);
    rig.tell(0, WorkerCommand::Engine(EngineCommand::CloseStream(SID)));
    go.send(()).unwrap();
    let all = agent.join().unwrap();
    let messages = unmasked(&all);
    let numbers: Vec<u64> = messages
        .iter()
        .filter(|m| m["event"] == "media")
        .map(|m| m["media"]["chunk"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(numbers.windows(2).all(|w| w[0] < w[1]), "whole frames in order");
    let made = numbers.last().copied().unwrap();
    assert!(made >= numbers.len() as u64 + 20, "some are missing: {} of {made}", numbers.len());
    assert_eq!(messages.last().unwrap()["event"], "stop", "what may not be dropped came");
    rig.finish(0);
}

/// Text messages of a client, as its frames say.
fn unmasked(mut bytes: &[u8]) -> Vec<Value> {
    let mut all = Vec::new();
    while bytes.len() > 6 && bytes[0] == 0x81 {
        let (n, head) = match bytes[1] & 0x7F {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            n => (usize::from(n), 2),
        };
        let mask = &bytes[head..head + 4];
        let body = &bytes[head + 4..head + 4 + n];
        let plain: Vec<u8> = body.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        all.push(serde_json::from_slice(&plain).unwrap());
        bytes = &bytes[head + 4 + n..];
    }
    assert_eq!(bytes.first(), Some(&0x88), "then the close frame");
    all
}

#[test]
fn a_leg_moves_to_another_worker_with_its_tls_stream() {
    let mut rig = Rig::new("worker-moves", 2);
    let (server, client) = certificate();
    let (address, tells) = agent(Some(server));
    rig.open_stream();
    rig.connect(&format!("wss://localhost:{}/", address.port()), &client);
    rig.opened();
    for (from, to) in [(0, 1), (1, 0), (0, 1)] {
        echo(&mut rig, 3);
        let (reply, moved) = tokio::sync::oneshot::channel();
        rig.tell(from, WorkerCommand::Detach(LEG, reply));
        let moved = moved.blocking_recv().unwrap().expect("the leg is there");
        // What comes meanwhile waits in the sockets.
        rig.phone.say(0x77);
        rig.tell(to, WorkerCommand::Attach(moved));
        rig.phone.hear(0x77);
    }
    let (reply, gone) = tokio::sync::oneshot::channel();
    rig.tell(0, WorkerCommand::Detach(LEG, reply));
    assert!(gone.blocking_recv().unwrap().is_none(), "it is not here any more");
    echo(&mut rig, 3);
    rig.finish(1);
    until(&tells, "stop");
    until(&tells, "gone");
}

#[test]
fn a_stream_whose_leg_ended_meanwhile_gives_its_connection_up() {
    let mut rig = Rig::new("worker-late", 1);
    let (address, agent) = raw_agent(|_, _| ());
    rig.open_stream();
    let dialled = Box::new(rig.dial(&format!("ws://{address}/"), &certificate().1).unwrap());
    let late = dialled.tcp.try_clone().unwrap();
    rig.tell(0, WorkerCommand::Engine(EngineCommand::CloseStream(SID)));
    rig.tell(0, WorkerCommand::Socket { stream: SID, dialled });
    rig.finish(0);
    // Only our copy is left: closing it ends the agent's wait for a request.
    late.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(agent.join().is_err(), "no request was ever sent");
}

fn record(recording: RecordingSid) -> Tap {
    Tap::Record(RecordTap {
        recording,
        track: Track::Inbound,
        channels: 1,
        paused: false,
        skip: true,
        max_silence_ms: None,
        max_length_ms: Some(600),
        trim: false,
    })
}

/// Speaks long enough for the recording, at the pace of what comes back.
fn speak(rig: &mut Rig, packets: usize) {
    for _ in 0..packets {
        rig.phone.say(0x22);
        rig.phone.hear(0xFF);
    }
}

fn recorded(rig: &mut Rig) -> chorus::media::event::TapEnd {
    rig.event(|e| match e {
        MediaEvent::TapEnded(LEG, TapId(3), end) => Some(end.clone()),
        _ => None,
    })
}

#[test]
fn a_recording_is_written_by_the_disk_thread() {
    let mut rig = Rig::new("worker-record", 1);
    let recording = RecordingSid(5);
    rig.open_leg([(TapId(3), record(recording))].into());
    speak(&mut rig, 40);
    let end = recorded(&mut rig);
    assert_eq!((end.recording, end.ms, end.reason), (recording, 600, TapEndReason::Length));
    let path = chorus::media::disk::path_of(&rig.folder.0, recording);
    let mut wav = hound::WavReader::open(path).unwrap();
    let samples: Vec<i16> = wav.samples::<i16>().map(Result::unwrap).collect();
    assert_eq!(samples.len(), 4_800);
    assert!(samples.iter().filter(|s| **s != 0).count() > 2_000, "the caller is in it");
    rig.finish(0);
}

#[test]
fn a_disk_that_hangs_fails_the_recording_and_not_the_call() {
    let mut rig = Rig::with_bounds("worker-hangs", 1, 1_024, 1);
    let recording = RecordingSid(6);
    let path = chorus::media::disk::path_of(&rig.folder.0, recording);
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a valid C string. Opening a FIFO for writing waits for a reader.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    rig.open_leg([(TapId(3), record(recording))].into());
    // The call goes on while the disk does nothing.
    while rig.workers[0].handle().counters().disk_refused.load(Ordering::Relaxed) < 2 {
        speak(&mut rig, 1);
    }
    rig.tell(0, WorkerCommand::Engine(EngineCommand::Close(LEG)));
    // The disk comes back.
    let reader = std::thread::spawn(move || std::fs::read(path).map(|b| b.len()));
    let end = recorded(&mut rig);
    assert_eq!((end.recording, end.reason), (recording, TapEndReason::Failed));
    assert_eq!(reader.join().unwrap().unwrap(), 44, "a header and not a sample went through the pipe");
    rig.stop();
}

#[test]
fn dialling_fails_with_twilios_codes() {
    let rig = Rig::new("worker-dial", 1);
    let (_, tls) = certificate();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let code = |url: &str| rig.dial(url, &tls).unwrap_err().code;
    assert_eq!(code(&format!("ws://{closed}/")), codes::REFUSED);
    assert_eq!(code("https://a.example/"), codes::SCHEME);
    assert_eq!(code("nonsense"), codes::MALFORMED_URL);
    let with = |answer: Result<Vec<SocketAddr>, Failure>| {
        let resolve = |_| async { answer };
        rig.runtime
            .block_on(chorus::streams::connect::dial(
                "wss://a.example/",
                &tls,
                [0; 16],
                |_| String::new(),
                resolve,
            ))
            .unwrap_err()
    };
    assert_eq!(with(Ok(vec![])).code, codes::UNREACHABLE);
    let refused = Failure { code: codes::SCHEME, words: "ws is not allowed there".to_owned() };
    assert_eq!(with(Err(refused.clone())), refused, "the guard has the last word");
    rig.stop();
}
