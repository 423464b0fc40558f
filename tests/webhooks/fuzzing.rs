//! The same bodies as the fuzzer, on made-up input.

use chorus::media::decode::fuzz_audio;
use chorus::webhooks::{cookies, digest, params, policy};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn forms(data in proptest::collection::vec(any::<u8>(), 0..512)) {
        params::fuzz_form(&data);
    }

    #[test]
    fn fragments(data in "([a-z]{0,3}=?[0-9a-z,%#/:@.&-]{0,12}&?){0,8}") {
        policy::fuzz_fragment(data.as_bytes());
    }

    #[test]
    fn set_cookies(data in "[a-z]{1,4}=[ -~]{0,20}(; ?(Path|Domain|Max-Age|Expires|Secure)=?[ -~]{0,30}){0,4}") {
        cookies::fuzz_cookie(data.as_bytes());
    }

    #[test]
    fn challenges(data in "(Digest|Basic|Other) (realm|nonce|qop|algorithm|opaque)=\"?[ -~]{0,20}\"?(, ?[a-z]{1,9}=\"?[ -~]{0,12}\"?){0,5}") {
        digest::fuzz_challenge(data.as_bytes());
    }

    #[test]
    fn broken_wav(cut in 0_usize..200, at in 0_usize..60, octet in any::<u8>()) {
        let mut file = super::clips::wav(1, 1, 8_000, 16, &[7; 160]);
        if let Some(b) = file.get_mut(at) {
            *b = octet;
        }
        file.truncate(file.len().saturating_sub(cut));
        file.insert(0, 0);
        fuzz_audio(&file);
    }

    #[test]
    fn broken_mp3(changes in proptest::collection::vec((0_usize..2_299, any::<u8>()), 0..20)) {
        let mut file = include_bytes!("tone.mp3").to_vec();
        for (at, octet) in changes {
            file[at] = octet;
        }
        file.insert(0, 1);
        fuzz_audio(&file);
    }
}
