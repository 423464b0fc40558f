//! Keys: RFC 4733 events in and out, dual tones where a peer has no telephone-event, and dual tones in what is heard.

pub mod incoming;
pub mod outgoing;
pub mod tones;

/// Keys in the order of their event codes (RFC 4733 section 3.2).
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// The event code of a key, either case.
pub fn code(key: char) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().position(|k| *k == key).and_then(|i| u8::try_from(i).ok())
}

/// The key of an event code; None for events that are no keys (flash, tones).
pub fn key(code: u8) -> Option<char> {
    KEYS.get(usize::from(code)).copied()
}

/// The two frequencies of a key (ITU-T Q.23).
pub fn frequencies(code: u8) -> [u16; 2] {
    match code {
        0 => [941, 1336],
        1 => [697, 1209],
        2 => [697, 1336],
        3 => [697, 1477],
        4 => [770, 1209],
        5 => [770, 1336],
        6 => [770, 1477],
        7 => [852, 1209],
        8 => [852, 1336],
        9 => [852, 1477],
        10 => [941, 1209],
        11 => [941, 1477],
        12 => [697, 1633],
        13 => [770, 1633],
        14 => [852, 1633],
        _ => [941, 1633],
    }
}
