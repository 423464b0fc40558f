//! The pool of port pairs on real sockets.

use chorus::clock::Mono;
use chorus::media::port::{DRAIN, PortPair, PortRange, Ports};
use chorus::rng::Rng;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A range of `pairs` pairs that nobody uses now, between the ports that other tests draw and those that the kernel gives.
fn quiet_range(pairs: u16, salt: u16) -> PortRange {
    let mut from = 19_300 + salt * 200;
    loop {
        let to = from + 2 * pairs - 1;
        if (from..=to).all(|p| UdpSocket::bind((IP, p)).is_ok()) {
            return PortRange { from, to };
        }
        from += 2 * pairs;
    }
}

#[test]
fn ranges_are_read_and_nonsense_is_refused() {
    assert_eq!(PortRange::parse("20000-39999"), Ok(PortRange { from: 20_000, to: 39_999 }));
    assert_eq!(PortRange::parse("4-5"), Ok(PortRange { from: 4, to: 5 }));
    for bad in ["", "1", "a-b", "5-4", "5-6", "0-1", "20000-99999", "20000:30000", "-"] {
        assert!(PortRange::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn pairs_are_even_and_odd_shuffled_and_used_once() {
    let range = quiet_range(20, 0);
    let mut ports = Ports::new(IP, range, &mut Rng::from_number(3));
    let now = Mono(0);
    let all: Vec<PortPair> = (0..20).map(|_| ports.acquire(now).unwrap()).collect();
    let numbers: Vec<u16> = all.iter().map(|p| p.local.port()).collect();
    for p in &all {
        assert_eq!(p.rtp.local_addr().unwrap(), p.local);
        assert_eq!(p.local.port() % 2, 0);
        assert_eq!(p.rtcp.local_addr().unwrap().port(), p.local.port() + 1);
    }
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_ne!(numbers, sorted, "their order cannot be guessed");
    assert_eq!(sorted, (0..20).map(|i| range.from + 2 * i).collect::<Vec<_>>());
    let e = ports.acquire(now).unwrap_err();
    assert!(e.to_string().contains("20 pairs in use"), "{e}");
    let c = ports.counts(now);
    assert_eq!((c.used, c.draining, c.free, c.exhausted), (20, 0, 0, 1));
}

#[test]
fn a_port_rests_after_use_and_is_not_given_out_meanwhile() {
    let mut ports = Ports::new(IP, quiet_range(2, 1), &mut Rng::from_number(4));
    let (a, b) = (ports.acquire(Mono(0)).unwrap(), ports.acquire(Mono(0)).unwrap());
    let number = a.local.port();
    drop(a);
    let c = ports.counts(Mono(0));
    assert_eq!((c.used, c.draining, c.free), (1, 1, 0));
    let almost = Mono(0) + (DRAIN - Duration::from_micros(1));
    assert!(ports.acquire(almost).is_err(), "no reuse while it drains");
    assert_eq!(ports.acquire(Mono(0) + DRAIN).unwrap().local.port(), number);
    drop(b);
}

#[test]
fn ports_of_other_programs_are_passed_over() {
    let range = quiet_range(3, 2);
    let foreign = UdpSocket::bind((IP, range.from + 1)).unwrap();
    let mut ports = Ports::new(IP, range, &mut Rng::from_number(5));
    let got: Vec<PortPair> = (0..2).map(|_| ports.acquire(Mono(0)).unwrap()).collect();
    assert!(got.iter().all(|p| p.local.port() != range.from));
    assert!(ports.acquire(Mono(0)).is_err());
    let c = ports.counts(Mono(0));
    assert!(c.foreign >= 1 && c.free == 1, "{c:?}");
    drop(foreign);
    assert_eq!(ports.acquire(Mono(0)).unwrap().local.port(), range.from, "it is tried again later");
}
