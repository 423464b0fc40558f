//! What an answer says of the addresses that both sides write: NAT, and the Contact that our ACK goes to.

use super::{Answer, Finding, Probe, way};
use crate::sdp;
use crate::sip::dialog::{is_hidden, is_private};
use crate::sip::wire::Uri;
use std::net::IpAddr;

/// All of it. What begins with `Mind` does not keep a call from getting through.
pub fn beside(probe: &Probe, answer: &Answer) -> Vec<Finding> {
    let call = matches!(probe, Probe::Invite { .. });
    let theirs = call.then(|| [contact(answer), audio(answer)]).into_iter().flatten();
    [ours(answer), unacknowledged(answer)].into_iter().chain(theirs).flatten().collect()
}

/// Our address, as the peer sees it (RFC 3581): another one than we write stands for a NAT. A peer that does not say how it sees us
/// may still be where ours means nothing.
fn ours(answer: &Answer) -> Option<Finding> {
    let written = answer.flow.local.ip().to_canonical();
    let remote = answer.flow.remote.ip();
    match answer.message.via()?.received().map(|ip| ip.to_canonical()) {
        Some(seen) if seen != written => Some(Finding::bad(format!(
            "NAT: the peer sees us as {seen}, but our Contact and SDP say {written}. Set CHORUS_EXTERNAL_IP={seen} and forward the SIP and RTP ports."
        ))),
        Some(_) => None,
        None if is_private(written) && !is_private(remote) => Some(Finding::bad(format!(
            "NAT: our Contact and SDP say {written}, which is private, and the peer ({remote}) is not: nothing that it sends there arrives. \
             Set CHORUS_EXTERNAL_IP to our public address and forward the SIP and RTP ports."
        ))),
        None => None,
    }
}

/// The Contact of a call that rings or is answered: our ACK, BYE and re-INVITE go there.
fn contact(answer: &Answer) -> Option<Finding> {
    let (code, source) = (answer.message.code()?, answer.flow.remote.ip());
    let Some(contact) = answer.message.contact().map(|c| c.uri) else {
        return (200..300).contains(&code).then(|| {
            Finding::good(
                "Mind that the peer's 200 has no Contact, which it must have (RFC 3261 12.1.1): ACK and BYE go to what stands in To.",
            )
        });
    };
    let ip = address(&contact).filter(|ip| (101..300).contains(&code) && is_hidden(*ip, source))?;
    Some(Finding::good(format!(
        "Mind that the peer's Contact ({contact}) is {ip}, which is private and none of ours: ACK and BYE go to where its answers come \
         from ({source}). If calls do not end, it has to write its public address there."
    )))
}

/// Where the peer wants audio.
fn audio(answer: &Answer) -> Option<Finding> {
    let remote = sdp::read(answer.message.sdp()?.as_ref()).ok()?;
    let source = answer.flow.remote.ip();
    let ip = remote.audio.iter().find_map(|audio| audio.rtp()).map(|at| at.ip());
    let ip = ip.filter(|ip| is_hidden(*ip, source))?;
    Some(Finding::good(format!(
        "Mind that the peer's SDP wants audio at {ip}, which is private and none of ours: it hears nothing until its own audio arrives here \
         and shows the way. It has to write its public address there."
    )))
}

fn address(uri: &Uri) -> Option<IpAddr> {
    uri.next_host().parse().ok()
}

fn unacknowledged(answer: &Answer) -> Option<Finding> {
    let contact = answer.message.contact().map(|c| c.uri.to_string()).unwrap_or_default();
    answer.unacknowledged.then(|| {
        Finding::bad(format!(
            "Our ACK does not arrive: the Contact of the answer from {} ({contact}) cannot be reached from here, so calls would end after 32 s. \
             The peer has to write there where it can be reached.",
            way(&answer.flow)
        ))
    })
}
