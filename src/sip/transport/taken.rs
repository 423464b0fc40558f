//! (s) Does a peer take what our kernel holds for it? A write says only that the kernel took it, and a kernel by itself waits for ever
//! for a window that stays closed, and a quarter of an hour for a host that is gone. Linux.

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Nothing taken for so long: whatever was asked over this connection has run out of time by now (64 * T1).
const PATIENCE: Duration = Duration::from_secs(32);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(8);

/// The socket of a connection, for as long as that is held.
pub(super) struct Taken(RawFd);

impl Taken {
    pub(super) fn of(stream: &impl AsRawFd) -> Taken {
        Taken(stream.as_raw_fd())
    }

    /// Ends when the peer has taken nothing for too long, although something was there for it all the time.
    pub(super) async fn stops(&self) -> io::Error {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut before, mut since) = (0, Instant::now());
        while since.elapsed() < PATIENCE {
            looks.tick().await;
            let Some((acked, owed)) = self.look() else { return std::future::pending().await };
            if !owed || acked != before {
                (before, since) = (acked, Instant::now());
            }
        }
        io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")
    }

    /// Octets that the peer's kernel has acknowledged so far, and whether there are more for it. None: the kernel does not say.
    fn look(&self) -> Option<(u64, bool)> {
        // SAFETY: an all-zero one is a value of its type.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
        // SAFETY: the descriptor is open while its connection is held, and the kernel writes no more than `length` octets.
        let told = unsafe {
            libc::getsockopt(
                self.0,
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast(),
                &raw mut length,
            )
        };
        // Kernels before 4.6 know less.
        let known = usize::try_from(length).ok()? > offset_of!(libc::tcp_info, tcpi_notsent_bytes);
        (told == 0 && known)
            .then_some((info.tcpi_bytes_acked, info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0))
    }
}
