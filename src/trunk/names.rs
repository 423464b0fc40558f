//! DomainNames: the host names under which accounts' SIP domains and trunks are reached. One form, so that a name is the same
//! however it is written, and never one of the server itself: whoever held that would stand before every other call.

use super::route::LOCAL_DOMAIN;

/// What DomainNames may be here.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Of the server itself: its realm, the host of its public URL.
    own: Vec<String>,
    /// CHORUS_TRUNK_DOMAIN where it was given: every name ends in it.
    suffix: Option<String>,
}

impl Names {
    /// `own` are the names of the server beside `chorus` and [`LOCAL_DOMAIN`]; `suffix` is CHORUS_TRUNK_DOMAIN, if it was given.
    pub fn new(own: Vec<String>, suffix: Option<String>) -> Names {
        Names { own, suffix }
    }

    /// The name in lower case, without a dot at its end; one word is completed by the suffix (`chorus.local` where none was
    /// given). Errors: what is expected instead, in words.
    pub fn read(&self, text: &str) -> Result<String, String> {
        let suffix = self.suffix.as_deref().unwrap_or(LOCAL_DOMAIN);
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let mut reserved =
            ["chorus", LOCAL_DOMAIN, suffix].into_iter().chain(self.own.iter().map(String::as_str));
        if reserved.any(|own| own.eq_ignore_ascii_case(&name)) {
            return Err("not a name of this server itself".to_owned());
        }
        let name = if name.contains('.') { name } else { format!("{name}.{suffix}") };
        if !is_host_name(&name) {
            return Err("a host name like pbx.example.com".to_owned());
        }
        match &self.suffix {
            Some(suffix) if name.strip_suffix(suffix.as_str()).is_none_or(|n| !n.ends_with('.')) => {
                Err(format!("a name that ends in .{suffix} (CHORUS_TRUNK_DOMAIN)"))
            }
            _ => Ok(name),
        }
    }
}

/// Letters, digits and `-` in words that dots join (RFC 1123 section 2.1), the last not of digits alone: never an address, which is
/// every trunk's.
pub fn is_host_name(name: &str) -> bool {
    let good = |word: &str| {
        (1..=63).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !word.starts_with('-')
            && !word.ends_with('-')
    };
    let digits = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(good) && !digits
}
