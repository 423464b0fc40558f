//! RTCP (RFC 3550 section 6): the few fields of sender and receiver reports that matter are read by hand, because the known
//! library panics on some types (ruling 2.16); reports of ours are written with SDES CNAME and, at the end, BYE.

use std::iter;

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
/// Types that may occur in a compound (RFC 3550, 3611, 4585).
const TYPES: std::ops::RangeInclusive<u8> = 192..=223;
/// A compound that is longer is none.
const COMPOUND_MAX: usize = 1_500;
const BLOCK: usize = 24;

/// A report block: what the reporter received from `ssrc`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whom it is about.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction: u8,
    /// Lost in all; negative with duplicates (24 bits).
    pub lost: i32,
    /// Extended highest sequence number.
    pub highest: u32,
    /// Jitter in samples.
    pub jitter: u32,
    /// The middle of the NTP time of the last sender report from `ssrc`.
    pub last_sr: u32,
    /// Delay since then in 1/65,536 s.
    pub delay: u32,
}

/// One packet of a compound.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// SR: the sender's SSRC, its NTP time, its blocks.
    Sender(u32, u64, Blocks<'a>),
    /// RR.
    Receiver(u32, Blocks<'a>),
    /// BYE.
    Bye,
    /// Something else, passed over.
    Other(u8),
}

/// The report blocks of one packet.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Blocks<'a>(&'a [u8]);

fn be32(b: &[u8], at: usize) -> Option<u32> {
    b.get(at..)?.first_chunk::<4>().map(|c| u32::from_be_bytes(*c))
}

impl Blocks<'_> {
    /// Each block.
    pub fn iter(&self) -> impl Iterator<Item = Block> + '_ {
        self.0.chunks_exact(BLOCK).filter_map(|b| {
            let loss = be32(b, 4)?;
            Some(Block {
                ssrc: be32(b, 0)?,
                fraction: (loss >> 24) as u8,
                // The 24 bits are signed.
                lost: ((loss << 8) as i32) >> 8,
                highest: be32(b, 8)?,
                jitter: be32(b, 12)?,
                last_sr: be32(b, 16)?,
                delay: be32(b, 20)?,
            })
        })
    }
}

/// Splits off the first packet: (count field, type, body without padding, rest).
fn split(bytes: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let ([b0, pt, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    if b0 >> 6 != 2 || !TYPES.contains(pt) {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([*l0, *l1])).checked_mul(4)?;
    let (mut body, rest) = rest.split_at_checked(length)?;
    if b0 & 0x20 != 0 {
        let padding = usize::from(*body.last()?);
        // Padding belongs to the last packet only, in whole words.
        if padding == 0 || padding % 4 != 0 || !rest.is_empty() {
            return None;
        }
        body = body.split_at_checked(body.len().checked_sub(padding)?)?.0;
    }
    Some((b0 & 0x1F, *pt, body, rest))
}

fn report((count, pt, body): (u8, u8, &[u8])) -> Option<Report<'_>> {
    let blocks = |from: usize| body.get(from..from + usize::from(count) * BLOCK).map(Blocks);
    Some(match pt {
        SR => {
            let ntp = (u64::from(be32(body, 4)?) << 32) | u64::from(be32(body, 8)?);
            Report::Sender(be32(body, 0)?, ntp, blocks(24)?)
        }
        RR => Report::Receiver(be32(body, 0)?, blocks(4)?),
        BYE => Report::Bye,
        other => Report::Other(other),
    })
}

/// Reads a compound. None if any part of it is malformed: then nothing of it counts.
pub fn read(bytes: &[u8]) -> Option<impl Iterator<Item = Report<'_>>> {
    if bytes.is_empty() || bytes.len() > COMPOUND_MAX {
        return None;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let (count, pt, body, after) = split(rest)?;
        report((count, pt, body))?;
        rest = after;
    }
    let mut rest = bytes;
    Some(iter::from_fn(move || {
        let (count, pt, body, after) = split(rest)?;
        rest = after;
        report((count, pt, body))
    }))
}

/// A compound of ours.
#[derive(Copy, Clone, Debug)]
pub struct Outgoing<'a> {
    /// Our SSRC.
    pub ssrc: u32,
    /// If we sent since the last one: NTP time, RTP timestamp of the same moment, packets and octets sent.
    pub sender: Option<(u64, u32, u32, u32)>,
    /// What we received.
    pub block: Option<Block>,
    /// Canonical name, at most 255 octets are written.
    pub cname: &'a [u8],
    /// The leg is over.
    pub bye: bool,
}

impl Outgoing<'_> {
    /// Appends the compound.
    pub fn write(&self, out: &mut Vec<u8>) {
        let blocks = u8::from(self.block.is_some());
        let words = 1 + if self.sender.is_some() { 5 } else { 0 } + u16::from(blocks) * 6;
        head(out, blocks, if self.sender.is_some() { SR } else { RR }, words);
        out.extend(self.ssrc.to_be_bytes());
        if let Some((ntp, ts, packets, octets)) = self.sender {
            out.extend(ntp.to_be_bytes());
            [ts, packets, octets].iter().for_each(|w| out.extend(w.to_be_bytes()));
        }
        if let Some(b) = self.block {
            let loss = (u32::from(b.fraction) << 24) | (b.lost as u32 & 0xFF_FFFF);
            [b.ssrc, loss, b.highest, b.jitter, b.last_sr, b.delay]
                .iter()
                .for_each(|w| out.extend(w.to_be_bytes()));
        }
        self.sdes(out);
        if self.bye {
            head(out, 1, BYE, 1);
            out.extend(self.ssrc.to_be_bytes());
        }
    }

    fn sdes(&self, out: &mut Vec<u8>) {
        let name = self.cname.get(..255).unwrap_or(self.cname);
        // SSRC, type, length, name, then 1 to 4 zeros up to a word.
        let octets = 4 + 2 + name.len();
        let zeros = 4 - octets % 4;
        head(out, 1, SDES, ((octets + zeros) / 4) as u16);
        out.extend(self.ssrc.to_be_bytes());
        out.extend([1, name.len() as u8]);
        out.extend_from_slice(name);
        out.extend(iter::repeat_n(0, zeros));
    }
}

fn head(out: &mut Vec<u8>, count: u8, pt: u8, words: u16) {
    out.extend([0x80 | count, pt]);
    out.extend(words.to_be_bytes());
}

/// The body of the fuzzer and of the suite's corpus test: reading never panics, and a report written from the blocks that
/// were read gives the same blocks.
pub fn fuzz_rtcp(data: &[u8]) -> bool {
    let Some(reports) = read(data) else { return false };
    for r in reports {
        let (ssrc, blocks) = match r {
            Report::Sender(ssrc, _, blocks) | Report::Receiver(ssrc, blocks) => (ssrc, blocks),
            Report::Bye | Report::Other(_) => continue,
        };
        for b in blocks.iter() {
            let mut again = Vec::new();
            Outgoing { ssrc, sender: None, block: Some(b), cname: b"x", bye: true }.write(&mut again);
            let first = read(&again).and_then(|mut i| i.next());
            let Some(Report::Receiver(s, back)) = first else { unreachable!("our own report") };
            assert!(s == ssrc && back.iter().eq([b]), "write, then read");
        }
    }
    true
}
