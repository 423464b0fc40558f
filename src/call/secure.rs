//! Calls that must be encrypted: TLS for the signalling and SRTP for the media, or there is no call. A SIP address asks for it with
//! `;secure=true`, a SIP domain and a trunk of an account with `Secure`.

use super::cx::Cx;
use super::target::NoRoute;
use crate::sip::event::Transport;
use crate::sip::wire::{Scheme, Uri};

/// Nobody can be reached over TLS there.
pub const NO_TLS: u32 = 32_209;

/// The address without its `secure` parameter, and whether that asks for encryption.
pub fn split(uri: &str) -> (String, bool) {
    let host = uri.rfind('@').map_or(0, |at| at + 1);
    let (user, rest) = uri.split_at_checked(host).unwrap_or(("", uri));
    let mut secure = false;
    let kept: Vec<&str> = rest
        .split(';')
        .filter(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let own = name.eq_ignore_ascii_case("secure");
            secure |= own && value.eq_ignore_ascii_case("true");
            !own
        })
        .collect();
    (format!("{user}{}", kept.join(";")), secure)
}

/// The address so that nothing but TLS leads there.
///
/// # Errors
/// [`NO_TLS`] for one that asks for another transport.
pub fn over_tls(uri: String) -> Result<String, NoRoute> {
    let Ok(read) = Uri::parse(&uri) else { return Ok(uri) };
    match read.transport() {
        _ if read.scheme == Scheme::Sips => Ok(uri),
        None => Ok(format!("{uri};transport=tls")),
        Some(word) if word.eq_ignore_ascii_case("tls") => Ok(uri),
        Some(word) => Err(NoRoute {
            code: NO_TLS,
            words: format!("the call is secure, but its address asks for {word}"),
        }),
    }
}

/// A user who has registered, but over nothing that is encrypted, is not rung.
///
/// # Errors
/// [`NO_TLS`].
pub fn can_be_rung(cx: &Cx<'_>, user: &str) -> Result<(), NoRoute> {
    let bindings = cx.registrar.find(user);
    if bindings.is_empty() || bindings.iter().any(|b| b.flow.transport == Transport::Tls) {
        return Ok(());
    }
    let words = format!("the call is secure, and {user} has registered over UDP or TCP: register over TLS");
    Err(NoRoute { code: NO_TLS, words })
}
