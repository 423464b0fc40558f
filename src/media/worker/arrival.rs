//! (s) When a datagram reached the kernel. A socket that nobody waits for is read on the tick, and the time it lay there is no jitter
//! of the network's.

use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The request of `<linux/sockios.h>` for a `timespec` of the datagram that was read last; libc does not name it.
const SIOCGSTAMPNS: libc::c_ulong = 0x8907;

/// How long ago the datagram that was read last from this socket reached the kernel. Zero if the kernel does not say; the first
/// question only makes it begin to, or if it says more than `max`: then the wall clock, which its stamps are of, was set meanwhile.
pub fn age(socket: &impl AsRawFd, max: Duration) -> Duration {
    let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the descriptor is open as long as `socket` lives, and the kernel writes the time into `at`, which lives.
    if unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSTAMPNS as _, &raw mut at) } != 0 {
        return Duration::ZERO;
    }
    let (Ok(s), Ok(ns)) = (u64::try_from(at.tv_sec), u32::try_from(at.tv_nsec)) else {
        return Duration::ZERO;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.checked_sub(Duration::new(s, ns)).filter(|age| *age <= max).unwrap_or_default()
}
