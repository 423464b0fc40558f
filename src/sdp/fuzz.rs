//! The body of the fuzz target of this room.

use super::{Direction, Local, Remote, Srtp, Terms, read};
use crate::media::srtp::OwnKeys;
use crate::rng::Rng;

/// A peer's document under the terms of all kinds of trunks. Returns whether the input could be read.
pub fn fuzz_sdp(data: &[u8]) -> bool {
    let Ok(remote) = read(data) else { return false };
    let v4 = remote.audio.iter().find_map(|a| a.rtp()).is_none_or(|a| a.is_ipv4());
    let ip = if v4 { [192, 0, 2, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
    let local = Local { ip, port: 20_000, session_id: 1, version: 1 };
    let keys = || Box::new(OwnKeys::new(Rng::from_number(1)));
    for srtp in [Srtp::Off, Srtp::Optional(keys()), Srtp::Required(keys())] {
        let terms = Terms { srtp, ..Terms::default() };
        let _ = terms.accept(&remote);
        answered(&terms, &remote, &local);
        assert!(read(terms.offer(&local, Direction::SendRecv).as_bytes()).is_ok());
    }
    true
}

/// Our answer reads again, has as many m-lines, names no codec that was not offered, and has a key where one is used.
fn answered(terms: &Terms, remote: &Remote, local: &Local) {
    let Ok((text, peer)) = terms.answer(remote, local) else { return };
    let ours = read(text.as_bytes()).ok();
    let same_lines = ours.as_ref().is_some_and(|o| {
        o.media.len() == remote.media.len()
            && o.media.iter().zip(&remote.media).all(|(a, b)| a.kind == b.kind && a.proto == b.proto)
    });
    assert!(same_lines, "the answer has other m-lines");
    let ours = ours.and_then(|o| o.audio.into_iter().next());
    let (Some(ours), false) = (ours, remote.audio.is_empty()) else {
        unreachable!("an answer without audio")
    };
    let Some(theirs) = remote.audio.iter().find(|a| a.index == ours.index) else {
        unreachable!("an answer to another line")
    };
    assert!(!ours.formats.is_empty());
    assert!(ours.formats.iter().all(|f| theirs.formats.iter().any(|t| t.pt == f.pt)));
    assert!(theirs.formats.iter().any(|f| f.pt == peer.pt && f.codec() == Some(peer.codec)));
    assert_eq!(ours.crypto.len(), usize::from(peer.crypto.is_some()), "a key for what is encrypted");
    assert!(peer.crypto.is_some() || !terms.srtp.is_required(), "in clear against the terms");
}
