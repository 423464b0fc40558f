//! The pure limits: requests at once, remembered secrets, guesses.

use chorus::api::auth_cache::*;
use chorus::api::limits::{AT_ONCE_MAX, UnderWay};
use chorus::clock::Mono;
use chorus::sid::AccountSid;
use std::net::IpAddr;
use std::time::Duration;

#[test]
fn an_account_has_so_many_requests_at_once_and_no_more() {
    let (mut under_way, one, other) = (UnderWay::default(), AccountSid(1), AccountSid(2));
    assert!((0..AT_ONCE_MAX).all(|_| under_way.enter(one)));
    assert!(!under_way.enter(one) && under_way.enter(other));
    under_way.leave(one);
    assert!(under_way.enter(one) && !under_way.enter(one));
    (0..AT_ONCE_MAX).for_each(|_| under_way.leave(one));
    assert_eq!((under_way.count(one), under_way.count(other)), (0, 1));
}

#[test]
fn a_right_secret_is_remembered_for_five_minutes() {
    let (mut cache, start, print) = (Cache::default(), Mono(7), [1; 32]);
    assert!(!cache.knows(start, &print));
    cache.remember(start, print);
    assert!(cache.knows(start + (REMEMBER - Duration::from_micros(1)), &print));
    assert!(!cache.knows(start + REMEMBER, &print) && !cache.knows(start, &[2; 32]));
}

#[test]
fn the_memory_is_bounded() {
    let mut cache = Cache::default();
    let print = |n: usize| {
        let mut print = [0; 32];
        print[..8].copy_from_slice(&(n as u64).to_be_bytes());
        print
    };
    (0..REMEMBERED_MAX * 2 + 1).for_each(|n| cache.remember(Mono(n as u64), print(n)));
    let known = (0..REMEMBERED_MAX * 2 + 1).filter(|n| cache.knows(Mono(0), &print(*n))).count();
    assert!((1..=REMEMBERED_MAX).contains(&known), "{known}");
}

#[test]
fn a_guesser_waits_a_minute_and_others_do_not() {
    let (mut cache, start) = (Cache::default(), Mono(0));
    let (bad, good): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    (0..GUESSES_MAX).for_each(|_| cache.wrong(start, bad));
    assert!(!cache.may_guess(start, bad) && cache.may_guess(start, good));
    assert!(cache.may_guess(start + WINDOW, bad));
    cache.wrong(start + WINDOW, bad);
    assert!(cache.may_guess(start + WINDOW, bad), "a new window begins with one");
}
