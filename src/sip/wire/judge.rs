//! What becomes of a datagram: a message, an error answer, or nothing.

use super::{
    headers::Known,
    lex::{self, Fault},
    message::{Message, Start},
    method::Method,
    text::{digits, find_outside, split_list, text},
    {cseq, name_addr, uri, via},
};
use bytes::Bytes;

/// The reader's word on a datagram.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Well-formed; for a request see also `sip::check::check_request`.
    Message(Message),
    /// A request that is wrong but can be answered without state (RFC 3261 section 16.3, 21.4.1).
    Refuse {
        /// What could be read of it; at least one Via.
        message: Box<Message>,
        /// 400, 414, 505 or 513.
        code: u16,
        /// Goes into the reason phrase and the log.
        words: String,
    },
    /// Say nothing.
    Drop {
        /// For the log.
        words: &'static str,
    },
}

/// Reads one datagram, or one message that the [`super::Framer`] cut out of a stream.
pub fn read_datagram(bytes: &Bytes) -> Verdict {
    let (message, fault) = match lex::message(bytes) {
        Ok(read) => read,
        Err(words) => return Verdict::Drop { words },
    };
    match &message.start {
        Start::Response { .. } => match fault.map(|(_, words)| words).or_else(|| response(&message).err()) {
            None => Verdict::Message(message),
            Some(words) => Verdict::Drop { words },
        },
        Start::Request { method, .. } => match fault.or_else(|| request(&message, method).err()) {
            None => Verdict::Message(message),
            // An ACK is never answered, and without Via nobody would know what the answer is for.
            Some((_, words)) if *method == Method::Ack || !answerable(&message) => Verdict::Drop { words },
            Some((code, words)) => {
                Verdict::Refuse { message: Box::new(message), code, words: words.to_owned() }
            }
        },
    }
}

fn answerable(message: &Message) -> bool {
    let via = message.headers.known(Known::Via).next().unwrap_or_default();
    via.first_chunk::<3>().is_some_and(|p| p.eq_ignore_ascii_case(b"SIP"))
}

/// What must hold for each message: the five fields that name its transaction and dialog.
fn common(message: &Message) -> Result<(), &'static str> {
    let headers = &message.headers;
    let mut seen = 0_u64;
    for span in &headers.spans {
        let bit = 1_u64.checked_shl(span.known as u32).unwrap_or(0);
        if span.known.once() && seen & bit != 0 {
            return Err("A header that may occur once occurs twice");
        }
        seen |= bit;
    }
    let mut vias = headers.known(Known::Via).peekable();
    vias.peek().ok_or("Via is missing")?;
    for value in vias {
        split_list(&text(value)).try_for_each(|v| via::split(v).map(drop))?;
    }
    let one = |known: Known, missing: &'static str| headers.known_text(known).ok_or(missing);
    name_addr::split(&one(Known::From, "From is missing")?).map_err(|_| "Bad From")?;
    name_addr::split(&one(Known::To, "To is missing")?).map_err(|_| "Bad To")?;
    let call_id = headers.known(Known::CallId).next().ok_or("Call-ID is missing")?;
    if call_id.is_empty() || !call_id.iter().all(|b| b.is_ascii_graphic()) {
        return Err("Bad Call-ID");
    }
    cseq::split(&one(Known::CSeq, "CSeq is missing")?).map(drop)
}

fn request(message: &Message, method: &Method) -> Result<(), Fault> {
    let bad = |words: &'static str| (400_u16, words);
    common(message).map_err(bad)?;
    let headers = &message.headers;
    let cseq = headers.known_text(Known::CSeq).unwrap_or_default();
    if cseq::split(&cseq).map(|(_, m)| m) != Ok(method.as_str()) {
        return Err((400, "CSeq method is not the method of the request"));
    }
    if let Some(hops) = headers.known_text(Known::MaxForwards) {
        digits(&hops).filter(|n| *n <= 255).ok_or((400, "Max-Forwards out of range"))?;
    }
    let uri = uri::split(message.uri_text()).map_err(bad)?;
    if !uri.headers.is_empty() {
        return Err((400, "Headers in the Request-URI"));
    }
    for value in headers.known(Known::Contact).filter(|v| *v != b"*") {
        split_list(&text(value))
            .try_for_each(|c| name_addr::split(c).map(drop))
            .map_err(|_| (400, "Bad Contact"))?;
    }
    for value in headers.known(Known::Route).chain(headers.known(Known::RecordRoute)) {
        let value = text(value);
        // Only the form with <> exists here (RFC 3261 section 20.30).
        if split_list(&value).any(|r| find_outside(r, b'<', false).is_none() || name_addr::split(r).is_err())
        {
            return Err((400, "Bad Route"));
        }
    }
    Ok(())
}

/// Chorus is always an end of the dialog: a response with a second Via is somebody else's (RFC 3261 section 8.1.3.3,
/// RFC 4475 `bcast`).
fn response(message: &Message) -> Result<(), &'static str> {
    common(message)?;
    let vias = message.headers.known(Known::Via).map(|v| split_list(&text(v)).count());
    if vias.sum::<usize>() == 1 { Ok(()) } else { Err("response with several Via") }
}
