//! The body of the fuzz target of this room.

use super::{Direction, Local, accept_answer, answer, offer, read};

/// A peer's document: our answer reads again, has as many m-lines, names no codec that was not offered. Returns
/// whether the input could be read.
pub fn fuzz_sdp(data: &[u8]) -> bool {
    let Ok(remote) = read(data) else { return false };
    let _ = accept_answer(&remote);
    let v4 = remote.audio.as_ref().and_then(|a| a.rtp()).is_none_or(|a| a.is_ipv4());
    let ip = if v4 { [192, 0, 2, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
    let local = Local { ip, port: 20_000, session_id: 1, version: 1 };
    if let Ok((text, peer)) = answer(&remote, &local) {
        let ours = read(text.as_bytes()).ok();
        let same_lines = ours.as_ref().is_some_and(|o| {
            o.media.len() == remote.media.len()
                && o.media.iter().zip(&remote.media).all(|(a, b)| a.kind == b.kind && a.proto == b.proto)
        });
        assert!(same_lines, "the answer has other m-lines");
        let theirs = remote.audio.as_ref().map(|a| a.formats.clone()).unwrap_or_default();
        let ours = ours.and_then(|o| o.audio).map(|a| a.formats).unwrap_or_default();
        assert!(!ours.is_empty() && ours.iter().all(|f| theirs.iter().any(|t| t.pt == f.pt)));
        assert!(theirs.iter().any(|f| f.pt == peer.pt && f.codec() == Some(peer.codec)));
    }
    assert!(read(offer(&local, Direction::SendRecv).as_bytes()).is_ok());
    true
}
