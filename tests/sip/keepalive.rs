//! Keep-alives of the connections that we made (RFC 5626 section 4.4.1).

use chorus::sip::transport::keepalive::{KeepAlive, PING_EVERY, PONG_WITHIN, Step};

const REST: Step = Step::Wait(PING_EVERY.saturating_sub(PONG_WITHIN));

#[test]
fn every_half_minute_a_ping_and_silence_says_nothing_of_a_peer_that_never_answered_one() {
    let mut k = KeepAlive::default();
    for _ in 0..100 {
        assert_eq!(k.tick(), Step::Ping(PONG_WITHIN));
        assert_eq!(k.tick(), REST);
    }
}

#[test]
fn a_peer_that_has_answered_one_and_does_not_answer_the_next_is_gone() {
    let mut k = KeepAlive::default();
    assert_eq!(k.tick(), Step::Ping(PONG_WITHIN));
    k.heard(true);
    assert_eq!(k.tick(), REST);
    assert_eq!(k.tick(), Step::Ping(PONG_WITHIN));
    assert_eq!(k.tick(), Step::Dead);
}

#[test]
fn any_octet_is_as_good_as_an_answer() {
    let mut k = KeepAlive::default();
    k.heard(true);
    assert_eq!(k.tick(), Step::Ping(PONG_WITHIN));
    k.heard(false);
    assert_eq!(k.tick(), REST);
    // What came before the ping does not answer it.
    k.heard(false);
    assert_eq!(k.tick(), Step::Ping(PONG_WITHIN));
    assert_eq!(k.tick(), Step::Dead);
}
