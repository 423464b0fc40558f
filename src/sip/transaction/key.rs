//! What makes two messages belong to one transaction (RFC 3261 17.1.3 and 17.2.3).

/// The identity of a transaction. Server and client transactions share no keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<[u8]>);

/// No token, host or tag holds this octet, so joined parts cannot be mistaken for others.
const GLUE: u8 = 0;

fn join(kind: u8, parts: &[&[u8]]) -> Key {
    let length = parts.iter().fold(1_usize, |n, p| n.saturating_add(p.len()).saturating_add(1));
    let mut out = Vec::with_capacity(length);
    out.push(kind);
    for part in parts {
        out.extend_from_slice(part);
        out.push(GLUE);
    }
    Key(out.into_boxed_slice())
}

/// An ACK belongs to the INVITE that it acknowledges.
fn family(method: &str) -> &[u8] {
    if method == "ACK" { b"INVITE" } else { method.as_bytes() }
}

impl Key {
    /// A request with a branch that begins with the magic cookie. `sent_by` is the top Via's host and port.
    pub fn server(branch: &str, sent_by: &str, method: &str) -> Key {
        // Branches and hosts are compared without regard to case (RFC 3261 7.3.1).
        let branch = branch.to_ascii_lowercase();
        let sent_by = sent_by.to_ascii_lowercase();
        join(b'S', &[branch.as_bytes(), sent_by.as_bytes(), family(method)])
    }

    /// A request of an RFC 2543 peer. The To tag is left out, so that INVITE, its ACK and its CANCEL agree.
    pub fn server_2543(uri: &str, from_tag: &str, call_id: &str, cseq: u32, via: &[u8], method: &str) -> Key {
        let parts: [&[u8]; 6] = [
            uri.as_bytes(),
            from_tag.as_bytes(),
            call_id.as_bytes(),
            &cseq.to_be_bytes(),
            via,
            family(method),
        ];
        join(b'2', &parts)
    }

    /// A response to a request of ours: its top Via's branch and the method of its CSeq.
    pub fn client(branch: &str, method: &str) -> Key {
        join(b'C', &[branch.as_bytes(), method.as_bytes()])
    }

    /// The request that a forking proxy sends us twice (RFC 3261 8.2.2.2).
    pub fn merged(call_id: &str, from_tag: &str, cseq: u32) -> Key {
        join(b'M', &[call_id.as_bytes(), from_tag.as_bytes(), &cseq.to_be_bytes()])
    }
}
