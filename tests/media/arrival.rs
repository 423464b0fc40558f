//! When a datagram reached the kernel, whenever it is read.

use chorus::media::worker::arrival::age;
use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

fn elapsed(since: SystemTime) -> Duration {
    since.elapsed().unwrap_or_default()
}

#[test]
fn a_datagram_is_as_old_as_the_time_it_lay_there() {
    let (here, there) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    assert_eq!(
        age(&here, Duration::from_secs(1)),
        Duration::ZERO,
        "the first question asks for stamps from now on"
    );
    // Where no other socket of the machine has asked, the kernel's workqueue switches its stamps on a little later; a datagram that
    // came before has the time of its reading. A datagram is sent until one was stamped, and what was told of each must be possible.
    let asked = SystemTime::now();
    loop {
        // Loopback delivers while it is sent; and however slow the machine is, both bounds hold.
        let before = SystemTime::now();
        there.send_to(b"one", here.local_addr().unwrap()).unwrap();
        let after = SystemTime::now();
        while elapsed(after) < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        let (mut octets, lain) = ([0; 8], elapsed(after));
        here.recv_from(&mut octets).unwrap();
        let told = age(&here, Duration::from_secs(1));
        assert!(told <= elapsed(before), "{told:?}");
        // A second is where the wall clock is taken to have been set.
        if told >= lain || elapsed(before) > Duration::from_secs(1) {
            return;
        }
        assert!(elapsed(asked) < Duration::from_secs(30), "{told:?} of at least {lain:?}");
    }
}
