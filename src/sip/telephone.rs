//! Numbers in URIs: `tel:` (RFC 3966), and telephone-subscribers in the user part of `sip:` (RFC 3261 section 19.1.6).

use super::wire::{Params, Scheme, Uri};

/// What people write between digits (RFC 3966 section 5.1.1).
const SEPARATORS: [char; 4] = ['-', '.', '(', ')'];

/// The number or name of an address: without visual separators and parameters (`isub`, `ext`, `npdi`), with the digits of a global
/// `phone-context` before it. A name stays as it is; of an unknown scheme everything behind the colon is taken.
pub fn user(uri: &Uri) -> String {
    match &uri.scheme {
        Scheme::Other(_) => uri.opaque.clone(),
        Scheme::Tel => subscriber(&uri.user_decoded(), &uri.params),
        Scheme::Sip | Scheme::Sips => {
            let user = uri.user_decoded();
            let phone = uri.params.get("user").is_some_and(|u| u.eq_ignore_ascii_case("phone"));
            let (number, params) = user.split_once(';').unwrap_or((&user, ""));
            let subscribes = is_number(number) && (phone || number.starts_with('+') || !params.is_empty());
            match Params::parse(params) {
                Ok(params) if subscribes => subscriber(number, &params),
                _ => user,
            }
        }
    }
}

/// Digits, `*` and `#`, perhaps with a `+` and separators.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let fits = |c: char| c.is_ascii_digit() || c == '*' || c == '#' || SEPARATORS.contains(&c);
    digits.contains(|c: char| c.is_ascii_digit()) && digits.chars().all(fits)
}

fn subscriber(number: &str, params: &Params) -> String {
    let bare = |text: &str| text.chars().filter(|c| !SEPARATORS.contains(c)).collect::<String>();
    // A number of that area; a context that is a domain only says whose extension it is.
    let context = params.unquoted("phone-context").filter(|c| c.starts_with('+') && !number.starts_with('+'));
    format!("{}{}", context.as_deref().map(bare).unwrap_or_default(), bare(number))
}
