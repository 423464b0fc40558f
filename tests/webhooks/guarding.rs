//! The guard: every form of a private address, names that lie, and names that change their mind.

use chorus::webhooks::address::*;
use chorus::webhooks::guard::*;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn ip(s: &str) -> IpAddr {
    s.parse().unwrap()
}

/// A resolver that gives the answers in turn.
fn answers(lists: &[&[&str]]) -> Lookup {
    let lists: Vec<Vec<IpAddr>> = lists.iter().map(|l| l.iter().map(|s| ip(s)).collect()).collect();
    let turn = Arc::new(AtomicUsize::new(0));
    Arc::new(move |_| {
        let list = lists[turn.fetch_add(1, Ordering::SeqCst) % lists.len()].clone();
        Box::pin(async move { Ok(list) })
    })
}

#[test]
fn literal_addresses_in_every_disguise_are_refused() {
    let rules = Rules::default();
    for url in [
        "http://127.0.0.1/",
        "http://user@127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:7f00:1]/",
        "http://0.0.0.0/",
        "http://100.64.0.1/",
        "http://10.0.0.1/",
        "http://172.31.255.255/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001::1]/",
        "http://[2001:db8::1]/",
        "http://[ff02::1]/",
        "wss://127.0.0.1/",
        "https://１２７.0.0.1/",
    ] {
        let error = rules.vet_url(url).expect_err(url);
        assert_eq!(error.code, 11205, "{url}: {}", error.words);
        assert!(error.words.contains("CHORUS_ALLOW_NETWORKS"), "{}", error.words);
    }
    assert!(
        rules.vet_url("http://2130706433/").unwrap_err().words.contains("127.0.0.1"),
        "the address is named"
    );
    for url in
        ["file:///etc/passwd", "gopher://a.test/", "http://", "no url", "http://a.test:0/", "http://./"]
    {
        assert_eq!(rules.vet_url(url).expect_err(url).code, 11100, "{url}");
    }
    for url in ["http://8.8.8.8/", "https://[2606:4700::1]:8443/x", "wss://app.test/media"] {
        assert!(rules.vet_url(url).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn names_that_resolve_to_private_addresses_are_refused() {
    for (name, list) in [
        ("http://localhost.:80/", &["127.0.0.1"][..]),
        ("http://metadata.google.internal./", &["169.254.169.254"][..]),
        ("http://public-name.test/", &["127.0.0.1"][..]),
        ("http://mixed.test/", &["8.8.8.8", "10.0.0.1"][..]),
        ("http://mixed.test/", &["8.8.8.8", "::1"][..]),
        ("http://mapped.test/", &["::ffff:127.0.0.1"][..]),
    ] {
        let guard = Guard::with_lookup(Vec::new(), false, answers(&[list]));
        let vetted = guard.vet_url(name).unwrap();
        assert_eq!(guard.resolve(&vetted).await.unwrap_err().code, 11205, "{name} {list:?}");
    }
    let guard = Guard::with_lookup(Vec::new(), false, answers(&[&[]]));
    let vetted = guard.vet_url("http://nowhere.test/").unwrap();
    assert_eq!(guard.resolve(&vetted).await.unwrap_err().code, 11210);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_never_dialled_unvetted() {
    let guard = Guard::with_lookup(
        Vec::new(),
        false,
        answers(&[&["8.8.8.8"], &["127.0.0.1"], &["8.8.4.4", "127.0.0.1"]]),
    );
    let vetted = guard.vet_url("http://rebind.test:8080/").unwrap();
    let mut refused = 0;
    for _ in 0..10_000 {
        match guard.resolve(&vetted).await {
            Ok(addresses) => {
                assert!(
                    addresses.iter().all(|a| is_global_unicast(a.ip()) && a.port() == 8080),
                    "{addresses:?}"
                );
            }
            Err(e) => {
                assert_eq!(e.code, 11205);
                refused += 1;
            }
        }
    }
    assert!((6_000..7_000).contains(&refused), "two of three answers are bad: {refused}");
}

#[test]
fn loopback_hangs_on_the_listener_alone_and_the_rest_on_the_setting() {
    let everything = Network::parse_list("0.0.0.0/0, ::/0, 10.0.0.0/8").unwrap();
    let remote = Rules::new(everything, false);
    assert!(remote.vet_url("http://127.0.0.1/").is_err() && remote.vet_url("http://[::1]/").is_err());
    assert!(remote.vet_url("http://10.9.9.9/").is_ok());
    let local = Rules::new(Vec::new(), true);
    assert!(local.vet_url("http://127.0.0.1:9/").is_ok() && local.vet_url("http://[::1]/").is_ok());
    assert!(local.vet_url("http://10.0.0.1/").is_err());
    let some = Rules::new(Network::parse_list("10.1.0.0/16,fd00:1::/32").unwrap(), false);
    assert!(
        some.opened(ip("10.1.255.1")) && some.opened(ip("::ffff:10.1.0.1")) && some.opened(ip("fd00:1::9"))
    );
    assert!(!some.opened(ip("10.2.0.1")) && !some.opened(ip("fd00:2::9")) && !some.opened(ip("8.8.8.8")));
}

#[test]
fn networks_are_read_strictly() {
    assert_eq!(Network::parse("10.1.0.0/16").unwrap().to_string(), "10.1.0.0/16");
    assert_eq!(Network::parse("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
    assert!(Network::parse("0.0.0.0/0").unwrap().contains(ip("203.0.113.9")));
    for bad in ["10.1.2.3/8", "10.0.0.0/33", "::/129", "ten", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1"] {
        assert!(Network::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(Network::parse_list(" , 10.0.0.0/8, ").unwrap().len(), 1);
}
