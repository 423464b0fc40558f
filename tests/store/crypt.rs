//! Encryption at rest.

use chorus::rng::Rng;
use chorus::store::Key;
use chorus::store::crypt::{OpenFailed, Place};

const HERE: Place<'static> = Place { table: "accounts", sid: "AC1", column: "secret" };

fn sealed(key: &Key, text: &str) -> String {
    key.seal(&mut Rng::from_number(1), HERE, text).unwrap()
}

#[test]
fn opens_in_its_own_place_only() {
    let key = Key::new(&[1; 32]);
    let text = sealed(&key, "token");
    assert_eq!(key.open(HERE, &text).unwrap(), "token");
    for place in [
        Place { table: "trunks", ..HERE },
        Place { sid: "AC2", ..HERE },
        Place { column: "body", ..HERE },
        Place { table: "account", sid: "sAC1", ..HERE },
    ] {
        assert_eq!(key.open(place, &text), Err(OpenFailed::Damaged));
    }
}

#[test]
fn the_same_text_never_looks_the_same() {
    let key = Key::new(&[1; 32]);
    let rng = &mut Rng::from_number(2);
    let (a, b) = (key.seal(rng, HERE, "token").unwrap(), key.seal(rng, HERE, "token").unwrap());
    assert_ne!(a, b);
    assert_eq!(key.open(HERE, &a), key.open(HERE, &b));
}

#[test]
fn every_changed_byte_is_noticed() {
    let key = Key::new(&[1; 32]);
    let text = sealed(&key, "token");
    for i in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(key.open(HERE, &changed).is_err(), "byte {i}");
        assert!(key.open(HERE, text.get(..i).unwrap()).is_err(), "cut at {i}");
    }
}

#[test]
fn an_old_key_still_reads_and_a_strange_one_is_named() {
    let (old, new) = (Key::new(&[1; 32]), Key::new(&[2; 32]));
    let text = sealed(&old, "token");
    assert_eq!(new.open(HERE, &text), Err(OpenFailed::OtherKey(old.id().to_owned())));
    let both = new.clone().with_old(&old);
    assert_eq!(both.open(HERE, &text).unwrap(), "token");
    assert!(new.open(HERE, &sealed(&both, "x")).is_ok(), "new values use the new key");
}

#[test]
fn a_key_is_read_from_hexadecimal_or_base64_and_never_shown() {
    let hex = "0123456789abcdef".repeat(4);
    let key = Key::parse(&format!(" {hex}\n")).unwrap();
    assert_eq!(Key::parse("ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8=").unwrap().id(), key.id());
    assert!(!format!("{key:?}").contains("0123"));
    for bad in ["", "00", &hex[1..], &format!("{hex}0"), "AAAA", &"\u{e9}".repeat(32)] {
        assert!(Key::parse(bad).is_none(), "{bad}");
    }
}
