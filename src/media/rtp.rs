//! RTP packets (RFC 3550 section 5.1): twelve octets read by hand, because that is cheaper than a library and because
//! the known one can panic on extensions (ruling 2.16); and twelve octets written.

/// Length of the fixed header.
pub const HEADER: usize = 12;
/// Longest packet we look at: an Ethernet frame's worth. Longer ones are no audio of ours.
pub const PACKET_MAX: usize = 1_500;

/// A packet as read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Marker bit: the first packet of a talkspurt or event.
    pub marker: bool,
    /// Payload type.
    pub pt: u8,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp in samples.
    pub ts: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload, padding removed.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet: version 2, CSRC list, extension and padding within its length. None if it is none.
    pub fn parse(bytes: &'a [u8]) -> Option<Packet<'a>> {
        if bytes.len() > PACKET_MAX {
            return None;
        }
        let (head, rest) = bytes.split_first_chunk::<HEADER>()?;
        let [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *head;
        if b0 >> 6 != 2 {
            return None;
        }
        let (_csrc, mut rest) = rest.split_at_checked(usize::from(b0 & 0x0F) * 4)?;
        if b0 & 0x10 != 0 {
            let ([_, _, l0, l1], after) = rest.split_first_chunk::<4>()?;
            let words = usize::from(u16::from_be_bytes([*l0, *l1]));
            rest = after.split_at_checked(words * 4)?.1;
        }
        if b0 & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            if padding == 0 {
                return None;
            }
            rest = rest.split_at_checked(rest.len().checked_sub(padding)?)?.0;
        }
        Some(Packet {
            marker: b1 & 0x80 != 0,
            pt: b1 & 0x7F,
            seq: u16::from_be_bytes([s0, s1]),
            ts: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload: rest,
        })
    }

    /// Appends the packet, without CSRC, extension and padding.
    pub fn write(&self, out: &mut Vec<u8>) {
        let [s0, s1] = self.seq.to_be_bytes();
        let [t0, t1, t2, t3] = self.ts.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let b1 = (self.pt & 0x7F) | if self.marker { 0x80 } else { 0 };
        out.extend_from_slice(&[0x80, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]);
        out.extend_from_slice(self.payload);
    }
}

/// Octets before the payload: fixed header, CSRC list and extension, which SRTP leaves in clear. None if they are not all there.
pub fn header_length(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first().filter(|b| *b >> 6 == 2)?;
    let fixed = HEADER + usize::from(first & 0x0F) * 4;
    let whole = match first & 0x10 {
        0 => fixed,
        _ => {
            let words = bytes.get(fixed + 2..)?.first_chunk::<2>()?;
            fixed + 4 + usize::from(u16::from_be_bytes(*words)) * 4
        }
    };
    (whole <= bytes.len()).then_some(whole)
}

/// How far `a` is after `b` on the 16-bit circle: positive if later.
pub fn seq_after(a: u16, b: u16) -> i32 {
    i32::from(a.wrapping_sub(b) as i16)
}

/// How far `a` is after `b` on the 32-bit circle: positive if later.
pub fn ts_after(a: u32, b: u32) -> i64 {
    i64::from(a.wrapping_sub(b) as i32)
}

/// The body of the fuzzer and of the suite's corpus test: reading never panics, what is read stays within the input,
/// and writing it again reads the same.
pub fn fuzz_rtp(data: &[u8]) -> bool {
    let Some(packet) = Packet::parse(data) else { return false };
    let mut again = Vec::with_capacity(data.len());
    packet.write(&mut again);
    assert!(again.len() <= data.len(), "a packet grew");
    assert_eq!(Packet::parse(&again), Some(packet), "write, then read");
    true
}
