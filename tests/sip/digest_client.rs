//! Answers to digest challenges. The expected hashes of the first two tests are those of RFC 2617 section 3.5 and
//! RFC 7616 section 3.9.1.

use super::samples::{read, text_invite};
use chorus::sip::digest::{
    CHALLENGES_MAX, Client, DigestError, Hash, Protected, authorization, challenges, fuzz_digest_header, hex,
    read_challenges,
};
use chorus::sip::event::Credentials;
use chorus::sip::wire::{Message, Method};

fn credentials(username: &str, password: &str) -> Credentials {
    Credentials { username: username.to_owned(), password: password.to_owned() }
}

fn invite() -> Protected<'static> {
    Protected { method: &Method::Invite, uri: "sip:x", body: b"v=0" }
}

fn challenged(code: u16, fields: &str) -> Message {
    let text = text_invite();
    let (_, rest) = text.split_once("\r\n").unwrap();
    read(&format!("SIP/2.0 {code} No\r\n{fields}\r\n{rest}"))
}

#[test]
fn md5_as_in_rfc_2617() {
    let c = read_challenges(
        "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        false,
    );
    let (name, value) = authorization(
        &c[0],
        &Protected { method: &Method::Other("GET".to_owned()), uri: "/dir/index.html", body: &[] },
        &credentials("Mufasa", "Circle Of Life"),
        "0a4f113b",
        1,
    );
    assert_eq!(name, "Authorization");
    assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{value}");
    assert!(value.contains("nc=00000001") && value.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""));
    assert!(!value.contains("algorithm"), "none was asked for");
}

#[test]
fn sha_256_as_in_rfc_7616() {
    let c = read_challenges(
        "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        true,
    );
    let (name, value) = authorization(
        &c[0],
        &Protected { method: &Method::Other("GET".to_owned()), uri: "/dir/index.html", body: &[] },
        &credentials("Mufasa", "Circle of Life"),
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        1,
    );
    assert_eq!(name, "Proxy-Authorization");
    let wanted = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    assert!(value.contains(wanted) && value.contains("algorithm=SHA-256"), "{value}");
}

#[test]
fn without_qop_the_older_hash_is_used_and_no_nc_sent() {
    let c = read_challenges("Digest realm=\"r\", nonce=\"n\"", false);
    let (_, value) = {
        let bye = Protected { method: &Method::Bye, uri: "sip:b", body: b"not looked at" };
        authorization(&c[0], &bye, &credentials("u", "p"), "c", 1)
    };
    let h = |s: &str| hex(Hash::Md5, s.as_bytes());
    let wanted = h(&format!("{}:n:{}", h("u:r:p"), h("BYE:sip:b")));
    assert!(value.contains(&format!("response=\"{wanted}\"")), "{value}");
    assert!(!value.contains("nc=") && !value.contains("qop") && !value.contains("cnonce"));
}

#[test]
fn auth_int_protects_the_body_where_nothing_else_is_offered() {
    let c = read_challenges("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\", algorithm=MD5-sess", false);
    let (_, value) = authorization(&c[0], &invite(), &credentials("u", "p"), "c", 1);
    let h = |s: &str| hex(Hash::Md5, s.as_bytes());
    let (ha1, ha2) = (h(&format!("{}:n:c", h("u:r:p"))), h(&format!("INVITE:sip:x:{}", h("v=0"))));
    let wanted = h(&format!("{ha1}:n:00000001:c:auth-int:{ha2}"));
    assert!(value.contains(&format!("response=\"{wanted}\"")), "{value}");
    assert!(value.contains("qop=auth-int, nc=00000001, cnonce=\"c\""), "{value}");
}

#[test]
fn several_challenges_in_one_field_and_over_several() {
    let m = challenged(
        401,
        "WWW-Authenticate: Basic realm=\"x\", Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256, qop=auth, DIGEST\r\n realm=\"a\",nonce=\"2\",algorithm=\"md5\"\r\nProxy-Authenticate: Digest nonce=\"3\", realm=\"b, \\\"c\\\"\", algorithm=NEW-1\r\nProxy-Authenticate: Digest nonce=\"4\" , realm=\"b, \\\"c\\\"\", stale=TRUE",
    );
    let found = challenges(&m);
    let seen: Vec<_> = found.iter().map(|c| (c.proxy, c.realm.as_str(), c.nonce.as_str(), c.stale)).collect();
    let b = "b, \\\"c\\\"";
    assert_eq!(seen, [(false, "a", "1", false), (false, "a", "2", false), (true, b, "4", true)]);
    let mut client = Client::default();
    let answers = client.answer(&m, &invite(), &[], &credentials("u", "p"), "cc").unwrap();
    let names: Vec<_> = answers.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["Authorization", "Proxy-Authorization"], "one for each realm");
    assert!(answers[0].1.contains("algorithm=SHA-256"), "the first that we know");
    assert!(answers[1].1.contains("realm=\"b, \\\"c\\\"\""), "the realm goes back as it came");
}

#[test]
fn a_second_refusal_ends_it_but_stale_is_answered_anew() {
    let first = challenged(407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"1\", qop=\"auth\"");
    let again = challenged(407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"2\", qop=\"auth\"");
    let stale =
        challenged(407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"2\", qop=\"auth\", stale=true");
    let mut client = Client::default();
    let mut go = |m: &Message, shown: &[(String, String)]| {
        client.answer(m, &invite(), shown, &credentials("u", "p"), "cc")
    };
    let shown = go(&first, &[]).unwrap();
    assert_eq!(go(&again, &shown), Err(DigestError::Rejected));
    let shown = go(&stale, &shown).unwrap();
    assert!(shown[0].1.contains("nonce=\"2\""));
    let shown = go(&stale, &shown).unwrap();
    assert!(shown[0].1.contains("nc=00000002"), "the same nonce counts on");
    assert_eq!(go(&stale, &shown), Err(DigestError::Rejected), "no endless stale loop");
    // The next request begins anew, and with it what may be stale.
    let shown = go(&first, &[]).unwrap();
    assert!(go(&stale, &shown).is_ok());
}

/// Two requests of one dialog at the same time: what one has shown is nothing that the other was refused for.
#[test]
fn each_request_has_shown_what_it_has_shown() {
    let proxy = challenged(407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"1\", qop=\"auth\"");
    let peer = challenged(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"2\", qop=\"auth\"");
    for (one, other) in [(&proxy, &peer), (&peer, &proxy)] {
        let (mut client, cred) = (Client::default(), credentials("u", "p"));
        let mut go =
            |m: &Message, shown: &[(String, String)]| client.answer(m, &invite(), shown, &cred, "cc");
        let first = go(one, &[]).unwrap();
        let second = go(one, &[]).unwrap();
        assert_eq!((first.len(), second.len()), (1, 1));
        assert!(second[0].1.contains("nc=00000002"), "the same nonce, counted on: {second:?}");
        for shown in [&first, &second] {
            let both = go(other, shown).unwrap();
            let names: Vec<_> = both.iter().map(|(n, _)| n.as_str()).collect();
            assert_eq!(names, ["Authorization", "Proxy-Authorization"], "one realm, two challengers");
            assert_eq!(go(one, &both), Err(DigestError::Rejected));
            assert_eq!(go(other, &both), Err(DigestError::Rejected));
        }
    }
}

#[test]
fn whoever_asks_under_ever_new_names_is_answered_no_longer() {
    let (mut client, cred) = (Client::default(), credentials("u", "p"));
    let (mut shown, mut times) = (Vec::new(), 0);
    loop {
        let m = challenged(401, &format!("WWW-Authenticate: Digest realm=\"r{times}\", nonce=\"1\""));
        match client.answer(&m, &invite(), &shown, &cred, "cc") {
            Ok(fields) => shown = fields,
            Err(why) => break assert_eq!(why, DigestError::Rejected),
        }
        times += 1;
        assert_eq!(shown.len(), times);
        assert!(times < CHALLENGES_MAX);
    }
}

#[test]
fn a_nonce_that_comes_again_is_counted_on() {
    let (mut client, cred) = (Client::default(), credentials("u", "p"));
    let again = challenged(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
    for count in ["nc=00000001", "nc=00000002", "nc=00000003"] {
        let fields = client.answer(&again, &invite(), &[], &cred, "c").unwrap();
        assert!(fields[0].1.contains(count), "{fields:?}");
    }
}

#[test]
fn what_cannot_be_answered_is_said() {
    let mut client = Client::default();
    for fields in [
        "X-Nothing: 1",
        "WWW-Authenticate: Basic realm=\"x\"",
        "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", algorithm=FUTURE",
        "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", qop=\"token\"",
        "WWW-Authenticate: Digest realm=\"x\"",
    ] {
        let m = challenged(401, fields);
        let got = client.answer(&m, &invite(), &[], &credentials("u", "p"), "c");
        assert_eq!(got, Err(DigestError::NoChallenge), "{fields}");
    }
}

#[test]
fn nc_is_hexadecimal_and_unquoted_values_are_read() {
    let c = read_challenges("Digest realm=r,nonce=n,qop=auth", false);
    let (_, value) = authorization(&c[0], &invite(), &credentials("a\"b", "p"), "c", 26);
    assert!(value.contains("nc=0000001a") && value.contains("username=\"a\\\"b\""), "{value}");
    assert!(fuzz_digest_header(b"Digest realm=\"a\", nonce=\"\xff\""));
    assert!(!fuzz_digest_header(b"Digest"));
}
