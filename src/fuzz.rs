//! Every reader of octets from outside, as the fuzzer and the suite call it: one table. A body panics when a promise is broken
//! and returns whether the input was accepted.

use crate::api::{form, parse, router};
use crate::media::{decode, rtcp, rtp};
use crate::webhooks::{cookies, digest, params, policy};

/// What `scripts/fuzz NAME` runs, and whose corpus lies in `tests/corpus/NAME`.
pub struct Target {
    /// Also the folder's name.
    pub name: &'static str,
    /// True: accepted.
    pub body: fn(&[u8]) -> bool,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "sip", body: crate::sip::wire::fuzz::fuzz_sip },
    Target { name: "sip_stream", body: crate::sip::wire::fuzz::fuzz_sip_stream },
    Target { name: "uri", body: crate::sip::wire::fuzz::fuzz_uri },
    Target { name: "digest", body: crate::sip::digest::fuzz_digest_header },
    Target { name: "sdp", body: crate::sdp::fuzz::fuzz_sdp },
    Target { name: "rtp", body: rtp::fuzz_rtp },
    Target { name: "rtcp", body: rtcp::fuzz_rtcp },
    Target { name: "audio", body: decode::fuzz_audio },
    Target { name: "twiml", body: twiml::fuzz_twiml },
    Target { name: "stream_json", body: crate::streams::fuzz::fuzz_stream_json },
    Target { name: "ws", body: crate::streams::fuzz::fuzz_ws },
    Target { name: "form", body: params::fuzz_form },
    Target { name: "rest", body: fuzz_rest },
    Target { name: "fragment", body: policy::fuzz_fragment },
    Target { name: "cookie", body: cookies::fuzz_cookie },
    Target { name: "challenge", body: digest::fuzz_challenge },
];

/// The body of a request to the REST API: the first octet chooses the operation. Fields that were read are written and
/// read again the same; what the declarations take, they take again.
///
/// # Panics
/// If a promise is broken.
pub fn fuzz_rest(data: &[u8]) -> bool {
    let Some((which, body)) = data.split_first() else { return false };
    let Ok(fields) = form::fields(body) else { return false };
    let written: Vec<String> =
        fields.iter().map(|(n, v)| format!("{}={}", form::encode(n), form::encode(v))).collect();
    let again = form::fields(written.join("&").as_bytes());
    assert!(again.is_ok_and(|a| a == fields), "fields read otherwise when they are written again");
    let all = router::ROUTES;
    let chosen = usize::from(*which).checked_rem(all.len()).and_then(|i| all.get(i));
    chosen.is_some_and(|o| parse::parse(o.id, &o.tables(), &fields).is_ok())
}
