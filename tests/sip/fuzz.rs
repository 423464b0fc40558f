//! The fuzz bodies of this room: the corpus is replayed, then spoilt a little, then proptest makes up its own.
//! CHORUS_LONG makes each run five hundred times longer.

use chorus::rng::Rng;
use chorus::sdp::fuzz::fuzz_sdp;
use chorus::sip::digest::fuzz_digest_header;
use chorus::sip::wire::fuzz::{fuzz_sip, fuzz_sip_stream, fuzz_uri};
use proptest::prelude::*;
use std::path::Path;

type Body = fn(&[u8]) -> bool;

/// Folder of the corpus and the function that is called with its files.
const TARGETS: [(&str, Body); 5] = [
    ("sip", fuzz_sip),
    ("sip_stream", fuzz_sip_stream),
    ("sdp", fuzz_sdp),
    ("uri", fuzz_uri),
    ("digest", fuzz_digest_header),
];

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|f| f.unwrap().path())
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&p).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_corpus_is_replayed_and_at_least_a_third_is_accepted() {
    for (name, body) in TARGETS {
        let files = corpus(name);
        let mut accepted = 0;
        for (file, bytes) in &files {
            let taken = body(bytes);
            // Streams are accepted if any message came out of them, URIs as one of several values.
            if matches!(name, "sip" | "sdp") {
                assert_eq!(taken, !file.starts_with("bad-"), "{name}/{file}");
            }
            accepted += usize::from(taken);
        }
        assert!(accepted * 3 >= files.len(), "{name}: only {accepted} of {}", files.len());
        assert!(accepted < files.len(), "{name}: nothing in it is refused");
    }
}

/// One to four small damages.
fn spoil(rng: &mut Rng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    const BITS: [&[u8]; 16] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b";",
        b",",
        b"\"",
        b"<",
        b">",
        b":",
        b"%",
        b"=",
        b" ",
        b"\\",
        b"\xff",
        b"99999999999999999999",
    ];
    let mut out = seed.to_vec();
    for _ in 0..=rng.below(3) {
        let at = rng.below(out.len() as u64 + 1) as usize;
        let len = (rng.below(24) as usize).min(out.len() - at);
        match rng.below(6) {
            0 => drop(out.drain(at..at + len)),
            1 => drop(out.splice(at..at, BITS[rng.below(16) as usize].iter().copied())),
            2 if at < out.len() => out[at] ^= 1 << rng.below(8),
            3 => {
                let copy = out[at..at + len].to_vec();
                drop(out.splice(at..at, copy));
            }
            4 => {
                let from = rng.below(other.len() as u64 + 1) as usize;
                drop(out.splice(at..at + len, other[from..].iter().take(len + 8).copied()));
            }
            _ => drop(out.splice(at..at + len, BITS[rng.below(16) as usize].iter().copied())),
        }
    }
    out
}

#[test]
fn a_spoilt_corpus_breaks_no_promise() {
    let rounds = if std::env::var_os("CHORUS_LONG").is_some() { 5_000_000 } else { 10_000 };
    for (name, body) in TARGETS {
        let files = corpus(name);
        let mut rng = Rng::from_number(4_475);
        let mut accepted = 0_u64;
        for _ in 0..rounds {
            let seed = &files[rng.below(files.len() as u64) as usize].1;
            let other = &files[rng.below(files.len() as u64) as usize].1;
            accepted += u64::from(body(&spoil(&mut rng, seed, other)));
        }
        println!("{name}: {rounds} inputs, {accepted} accepted");
        assert!(accepted > 0 && accepted < rounds, "{name}: {accepted} of {rounds}");
    }
}

proptest! {
    #[test]
    fn any_octets(data in prop::collection::vec(any::<u8>(), 0..400)) {
        for (_, body) in TARGETS {
            body(&data);
        }
    }

    #[test]
    fn any_lines_of_the_right_alphabet(lines in prop::collection::vec("[ -~\\t\u{e9}\"<>;,=%]{0,60}", 0..20)) {
        let text = lines.join("\r\n");
        for (_, body) in TARGETS {
            body(text.as_bytes());
        }
        fuzz_sdp(format!("v=0\r\n{text}").as_bytes());
        fuzz_sip(format!("OPTIONS sip:a@b SIP/2.0\r\n{text}\r\n\r\n").as_bytes());
    }
}

/// Work that grows faster than the input would show here: repeated parts at the limits, each read many times over.
#[test]
fn hostile_repetition_is_read_in_one_pass() {
    let head = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n";
    let commas = ",".repeat(40_000);
    let semis = "; a".repeat(15_000);
    let quotes = "\"\\".repeat(20_000);
    let folds = "\r\n ".repeat(15_000);
    for value in [commas, semis, quotes, folds] {
        for field in ["Via", "From", "Contact", "Route", "Require", "WWW-Authenticate", "Reason"] {
            fuzz_sip(format!("{head}{field}: <sip:a@b>{value}\r\n\r\n").as_bytes());
            fuzz_sip(format!("{head}{field}: {value}\r\n\r\n").as_bytes());
        }
        fuzz_uri(value.as_bytes());
        fuzz_digest_header(format!("Digest realm={value}").as_bytes());
        fuzz_sdp(format!("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP {value}").as_bytes());
    }
}
