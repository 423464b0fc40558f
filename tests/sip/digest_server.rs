//! Who may use a nonce, and how often (ruling 2.26); what a right answer is.

use super::samples::read;
use chorus::clock::Mono;
use chorus::rng::Rng;
use chorus::sip::digest::nonces::{Fresh, LIFE, Nonces, SEEN_MAX};
use chorus::sip::digest::server::{Guard, Verdict, ha1};
use chorus::sip::digest::{Protected, authorization, read_challenges};
use chorus::sip::event::Credentials;
use chorus::sip::wire::{Message, Method};
use chorus::store::rows::Ha1;
use std::net::{IpAddr, Ipv4Addr};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const NOW: Mono = Mono(5_000_000);

fn nonces() -> (Nonces, Rng) {
    let mut rng = Rng::from_number(7);
    (Nonces::new(&mut rng, "chorus"), rng)
}

#[test]
fn each_count_of_a_nonce_is_taken_once_in_any_order() {
    let (mut n, mut rng) = nonces();
    let nonce = n.issue(&mut rng, NOW, HERE);
    for count in [1, 2, 5, 3, 4, 70, 69, 7] {
        assert_eq!(n.take(NOW, HERE, &nonce, Some(count)), Fresh::Yes, "{count}");
        assert_eq!(n.take(NOW, HERE, &nonce, Some(count)), Fresh::No, "{count} again");
    }
    // Too far below the highest to be told apart from one that was used.
    assert_eq!(n.take(NOW, HERE, &nonce, Some(6)), Fresh::No);
    assert_eq!(n.take(NOW, HERE, &nonce, Some(u32::MAX)), Fresh::Yes);
    assert_eq!(n.take(NOW, HERE, &nonce, Some(71)), Fresh::No);
}

#[test]
fn without_qop_a_nonce_serves_once() {
    let (mut n, mut rng) = nonces();
    let nonce = n.issue(&mut rng, NOW, HERE);
    assert_eq!(n.take(NOW, HERE, &nonce, None), Fresh::Yes);
    assert_eq!(n.take(NOW, HERE, &nonce, None), Fresh::No);
    assert_eq!(n.take(NOW, HERE, &nonce, Some(1)), Fresh::No);
    let other = n.issue(&mut rng, NOW, HERE);
    assert_eq!(n.take(NOW, HERE, &other, Some(1)), Fresh::Yes);
    assert_eq!(n.take(NOW, HERE, &other, None), Fresh::No);
}

#[test]
fn a_nonce_is_of_one_source_one_process_and_a_minute() {
    let (mut n, mut rng) = nonces();
    let nonce = n.issue(&mut rng, NOW, HERE);
    assert_eq!(n.take(NOW, THERE, &nonce, Some(1)), Fresh::No);
    assert_eq!(n.take(NOW + LIFE, HERE, &nonce, Some(1)), Fresh::No);
    assert_eq!(n.take(Mono(0), HERE, &nonce, Some(1)), Fresh::No, "from the future");
    let (mut other, _) = (Nonces::new(&mut Rng::from_number(8), "chorus"), ());
    assert_eq!(other.take(NOW, HERE, &nonce, Some(1)), Fresh::No);
    for broken in
        ["", "x", &nonce[1..], &format!("{nonce}0"), &nonce.replace('0', "1"), "ä".repeat(30).as_str()]
    {
        assert_eq!(n.take(NOW, HERE, broken, Some(1)), Fresh::No, "{broken}");
    }
    assert!(n.is_empty(), "nobody answered rightly: nothing is kept");
    assert_eq!(n.take(NOW, HERE, &nonce, Some(1)), Fresh::Yes);
}

#[test]
fn memory_is_bounded_and_what_is_pushed_out_is_stale() {
    let (mut n, mut rng) = nonces();
    let first = n.issue(&mut rng, NOW, HERE);
    assert_eq!(n.take(NOW, HERE, &first, Some(1)), Fresh::Yes);
    for i in 0..SEEN_MAX as u64 {
        let nonce = n.issue(&mut rng, Mono(NOW.0 + 1 + i), HERE);
        assert_eq!(n.take(Mono(NOW.0 + 1 + i), HERE, &nonce, Some(1)), Fresh::Yes);
    }
    assert_eq!(n.len(), SEEN_MAX);
    assert_eq!(
        n.take(Mono(NOW.0 + 40_000), HERE, &first, Some(1)),
        Fresh::No,
        "a replay of what was forgotten"
    );
    let late = NOW + LIFE + LIFE;
    let nonce = n.issue(&mut rng, late, HERE);
    assert_eq!(n.take(late, HERE, &nonce, Some(1)), Fresh::Yes);
    assert_eq!(n.len(), 1, "a minute later the others need no memory");
}

fn register(authorization: &str) -> Message {
    let line =
        if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}\r\n") };
    read(&format!(
        "REGISTER sip:chorus SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:alice@chorus>;tag=t\r\n\
         To: <sip:alice@chorus>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n{line}Content-Length: 0\r\n\r\n"
    ))
}

struct Bench {
    guard: Guard,
    rng: Rng,
    alice: Ha1,
}

impl Bench {
    fn new() -> Bench {
        let mut rng = Rng::from_number(3);
        Bench { guard: Guard::new(&mut rng, "chorus"), rng, alice: ha1("alice", "chorus", "s3cret") }
    }

    fn judge(&mut self, authorization: &str) -> Verdict {
        let alice = &self.alice;
        self.guard.judge(NOW, HERE, &register(authorization), |u| (u == "alice").then_some(alice))
    }

    /// The answer of a client to the challenge for this algorithm.
    fn answer(&mut self, algorithm: &str, user: &str, password: &str, count: u32, qop: bool) -> String {
        let fields = self.guard.challenge(&mut self.rng, NOW, HERE, &register(""), false);
        let value = fields.iter().find(|v| v.contains(&format!("algorithm={algorithm}"))).unwrap();
        let mut challenge = read_challenges(value, false).remove(0);
        challenge.qop = challenge.qop.filter(|_| qop);
        let credentials = Credentials { username: user.to_owned(), password: password.to_owned() };
        let request = Protected { method: &Method::Register, uri: "sip:chorus", body: &[] };
        authorization(&challenge, &request, &credentials, "c0ffee", count).1
    }
}

#[test]
fn md5_and_sha_256_with_and_without_qop() {
    let mut b = Bench::new();
    for algorithm in ["MD5", "SHA-256"] {
        for qop in [true, false] {
            let right = b.answer(algorithm, "alice", "s3cret", 1, qop);
            assert_eq!(b.judge(&right), Verdict::Right("alice".into()), "{right}");
            assert_eq!(b.judge(&right), Verdict::Stale, "a replay: {right}");
            let wrong = b.answer(algorithm, "alice", "S3cret", 1, qop);
            assert_eq!(b.judge(&wrong), Verdict::Wrong("alice".into()));
            let nobody = b.answer(algorithm, "bob", "s3cret", 1, qop);
            assert_eq!(b.judge(&nobody), Verdict::Wrong("bob".into()));
        }
    }
}

#[test]
fn a_hexadecimal_count_is_read_as_one() {
    let mut b = Bench::new();
    let tenth = b.answer("MD5", "alice", "s3cret", 10, true);
    assert!(tenth.contains("nc=0000000a"));
    assert_eq!(b.judge(&tenth), Verdict::Right("alice".into()));
}

#[test]
fn what_is_no_answer_to_us_is_challenged() {
    let mut b = Bench::new();
    assert_eq!(b.judge(""), Verdict::Missing);
    let right = b.answer("MD5", "alice", "s3cret", 1, true);
    assert_eq!(b.judge(&right.replace("realm=\"chorus\"", "realm=\"other\"")), Verdict::Missing);
    assert_eq!(b.judge(&right.replace("algorithm=MD5", "algorithm=MD4")), Verdict::Missing);
    assert_eq!(b.judge(&right.replace("qop=auth", "qop=auth-int")), Verdict::Missing);
    assert_eq!(b.judge("Basic YTpi"), Verdict::Missing);
    // As old phones write it: no algorithm, everything in quotes.
    let quoted = right.replace("algorithm=MD5, ", "").replace("qop=auth", "qop=\"auth\"");
    assert_eq!(b.judge(&quoted), Verdict::Right("alice".into()));
}

/// A guess with such a nonce is not counted, so it must not be told from the right answer: whoever writes nonces of its own could try
/// passwords without end.
#[test]
fn a_nonce_that_is_not_ours_says_nothing_of_the_password() {
    let mut b = Bench::new();
    let right = b.answer("MD5", "alice", "s3cret", 1, true);
    let wrong = b.answer("MD5", "alice", "guess", 1, true);
    let nobody = b.answer("MD5", "bob", "guess", 1, true);
    let alice = b.alice.clone();
    let find = |u: &str| (u == "alice").then_some(&alice);
    let mut other = Guard::new(&mut Rng::from_number(9), "chorus");
    for answer in [&right, &wrong, &nobody] {
        let request = register(answer);
        assert_eq!(b.guard.judge(NOW + LIFE, HERE, &request, find), Verdict::Stale, "an old one");
        assert_eq!(b.guard.judge(NOW, THERE, &request, find), Verdict::Stale, "another source's");
        assert_eq!(other.judge(NOW, HERE, &request, find), Verdict::Stale, "another process's");
    }
    let fields = b.guard.challenge(&mut b.rng, NOW, HERE, &register(""), true);
    assert!(fields.iter().all(|v| v.ends_with("stale=true")));
}

#[test]
fn who_cannot_bear_another_algorithm_is_asked_for_md5_alone() {
    let mut b = Bench::new();
    let text = String::from_utf8(register("").to_bytes().to_vec()).unwrap();
    for (agent, n) in [("baresip v1.0.0 (x86_64/linux)", 1), ("baresip v3.1.0", 2), ("Linphone/5", 2)] {
        let request = read(&text.replace("CSeq", &format!("User-Agent: {agent}\r\nCSeq")));
        let fields = b.guard.challenge(&mut b.rng, NOW, HERE, &request, false);
        assert_eq!(fields.len(), n, "{agent}");
        assert!(fields[0].contains("algorithm=MD5"));
    }
}
