//! `chorus check`: what it prints, and its exit code.

use chorus::cli::check::{report, run};
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/twiml").join(name)
}

#[test]
fn it_prints_verbs_defaults_and_warnings() {
    let bytes = std::fs::read(file("check.xml")).unwrap();
    let (text, code) = report("check.xml", &bytes);
    assert_eq!(code, 0);
    let snapshot = file("check.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&snapshot, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(snapshot).unwrap());
}

#[test]
fn it_names_the_error_with_its_place() {
    let table: &[(&[u8], &str)] = &[
        (b"<Response>\n<Say>a</Response>", "f: 12100 at 2:7"),
        (b"<Answer/>", "f: 12102 at 1:1"),
        (b"<Response version='x'/>", "f: 12101 at 1:11"),
    ];
    for (bytes, expected) in table {
        let (text, code) = report("f", bytes);
        let (place, rest) = text.split_once(": error ").unwrap();
        let (number, _) = rest.split_once(": ").unwrap();
        let (name, place) = place.split_once(':').unwrap();
        assert_eq!(format!("{name}: {number} at {place}"), *expected);
        assert_eq!(code, 1);
    }
    let large = vec![b' '; 65_537];
    assert_eq!(
        report("f", &large),
        ("f: error 11750: the body is larger than 65536 octets\n".to_string(), 1)
    );
}

#[test]
fn its_exit_code_is_the_verdict() {
    assert_eq!(run(&file("check.xml")), 0);
    assert_eq!(run(&file("mod.rs")), 1);
    assert_eq!(run(&file("no-such-file.xml")), 1);
}
