//! The floor of `chorus bench signalling` keeps what a stateful responder must keep: a floor that does less makes every ratio bad.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Floor {
    child: Child,
    socket: UdpSocket,
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("")
}

impl Floor {
    fn start() -> Floor {
        let program = Path::new(env!("CARGO_BIN_EXE_chorus")).with_file_name("floor-signalling");
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().strip_prefix("sip ").unwrap().parse().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Floor { child, socket }
    }

    fn send(&self, method: &str, branch: &str, to: &str, cseq: u32) {
        let request = format!(
            "{method} sip:a@floor SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch={branch};rport\r\n\
             Record-Route: <sip:proxy;lr>\r\nFrom: <sip:b@c>;tag=mine\r\nTo: {to}\r\nCall-ID: one\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:b@127.0.0.1:9>\r\nContent-Length: 0\r\n\r\n"
        );
        self.socket.send(request.as_bytes()).unwrap();
    }

    fn heard(&self, line: &str) -> String {
        let mut octets = [0; 4096];
        let n = self.socket.recv(&mut octets).unwrap();
        let message = String::from_utf8(octets[..n].to_vec()).unwrap();
        assert_eq!(message.lines().next().unwrap(), line, "{message}");
        message
    }
}

#[test]
fn the_floor_of_signalling_repeats_what_is_not_answered_and_answers_what_is_repeated() {
    let floor = Floor::start();
    floor.send("INVITE", "z9hG4bK1", "<sip:a@floor>", 1);
    floor.heard("SIP/2.0 100 Trying");
    let ringing = floor.heard("SIP/2.0 180 Ringing");
    let ok = floor.heard("SIP/2.0 200 OK");
    let to = field(&ok, "To").to_owned();
    assert!(to.starts_with("<sip:a@floor>;tag=") && field(&ringing, "To") == to);
    // The INVITE again: its transaction has the answer. No ACK: the 200 again, by timer.
    floor.send("INVITE", "z9hG4bK1", "<sip:a@floor>", 1);
    assert_eq!(floor.heard("SIP/2.0 200 OK"), ok);
    assert_eq!(floor.heard("SIP/2.0 200 OK"), ok);
    floor.send("ACK", "z9hG4bK2", &to, 1);
    let bye = floor.heard("BYE sip:b@127.0.0.1:9 SIP/2.0");
    assert_eq!((field(&bye, "From"), field(&bye, "Route")), (&*to, "<sip:proxy;lr>"));
    assert_eq!(floor.heard("BYE sip:b@127.0.0.1:9 SIP/2.0"), bye, "timer E");
    // A request of the dialog that is out of order, one of no dialog once the BYE was answered, and the same again.
    floor.send("INFO", "z9hG4bK3", &to, 1);
    floor.heard("SIP/2.0 500 Out of order");
    let answer = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nCall-ID: one\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
        field(&bye, "Via"),
        field(&bye, "CSeq")
    );
    floor.socket.send(answer.as_bytes()).unwrap();
    floor.send("INFO", "z9hG4bK4", &to, 2);
    let unknown = floor.heard("SIP/2.0 481 No such call");
    floor.send("INFO", "z9hG4bK4", &to, 2);
    assert_eq!(floor.heard("SIP/2.0 481 No such call"), unknown);
}
