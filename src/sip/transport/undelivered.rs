//! (s) Datagrams that came back: the ICMP errors in a socket's error queue (RFC 3261 section 18.4); and those that need not, because
//! they may be cut. Linux.

use socket2::{MaybeUninitSlice, MsgHdrMut, SockAddr, SockRef};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use tokio::net::UdpSocket;

/// Octets of control messages that are looked at; the kernel writes one of them for an error, with an address behind it.
const CONTROL: usize = 256;
/// Control messages begin on such a boundary.
const ALIGNMENT: usize = size_of::<usize>();
/// ICMP types (RFC 792): the destination cannot be reached, or the packet was not understood there.
const ICMP_UNREACHABLE: u8 = 3;
const ICMP_PARAMETER: u8 = 12;
/// Code of an unreachable destination that is only a packet too long for the way.
const ICMP_TOO_LONG: u8 = 4;
/// ICMPv6 types (RFC 4443).
const ICMP6_UNREACHABLE: u8 = 1;
const ICMP6_PARAMETER: u8 = 4;

/// From now on the kernel keeps the errors of what this socket sends. Where it cannot, a timer notices.
pub(super) fn keep(socket: &UdpSocket) {
    set(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1);
    set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1);
}

/// From now on routers may cut what this socket sends into fragments. By its default Linux forbids them (DF) and waits for an ICMP
/// error to learn how much fits; firewalls drop those errors, and a message that is too long for a tunnel on the way would be lost as
/// often as it is repeated. Over IPv6 no router cuts, and the error is waited for.
pub(super) fn may_be_cut(socket: &UdpSocket) {
    set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT);
}

/// Best effort: of a family that the socket does not speak the kernel takes no option.
fn set(socket: &UdpSocket, level: libc::c_int, option: libc::c_int, value: libc::c_int) {
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the value is an int that outlives the call.
    unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
}

/// The next one: whom it was for, or nobody if it says nothing about whether the peer is there. Errors: `WouldBlock` if there
/// is none.
pub(super) fn next(socket: &UdpSocket) -> io::Result<Option<SocketAddr>> {
    let mut to = SockAddr::from(SocketAddr::from(([0_u16; 8], 0)));
    // What was sent comes back too; it is not looked at.
    let mut octet = [MaybeUninit::new(0_u8)];
    let mut pieces = [MaybeUninitSlice::new(&mut octet)];
    let mut control = [MaybeUninit::new(0_u8); CONTROL];
    let mut message =
        MsgHdrMut::new().with_addr(&mut to).with_buffers(&mut pieces).with_control(&mut control);
    SockRef::from(socket)
        .recvmsg(&mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
        .map_err(|_| io::ErrorKind::WouldBlock)?;
    let length = message.control_len();
    // SAFETY: every octet was initialised above, and the kernel has only written over them.
    let control = control.map(|octet| unsafe { octet.assume_init() });
    Ok(to.as_socket().filter(|_| is_failure(control.get(..length).unwrap_or_default())))
}

/// Do these control messages hold an ICMP error that RFC 3261 counts as a failure? Source quench and a TTL that ran out are
/// none.
fn is_failure(mut control: &[u8]) -> bool {
    let header = size_of::<libc::cmsghdr>();
    while let Some((length, body)) = control.first_chunk().zip(control.get(header..)) {
        let length = usize::from_ne_bytes(*length).max(header);
        // sock_extended_err: errno (4 octets), origin, type, code.
        if let Some([_, _, _, _, origin, kind, code, ..]) = body.first_chunk::<16>() {
            return match (*origin, *kind, *code) {
                (libc::SO_EE_ORIGIN_ICMP, ICMP_UNREACHABLE, code) => code != ICMP_TOO_LONG,
                (libc::SO_EE_ORIGIN_ICMP, kind, _) => kind == ICMP_PARAMETER,
                (libc::SO_EE_ORIGIN_ICMP6, kind, _) => matches!(kind, ICMP6_UNREACHABLE | ICMP6_PARAMETER),
                _ => false,
            };
        }
        control = control
            .get(length.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
    }
    false
}
