//! Names of next hops, asked of a DNS server on a real socket (RFC 3263).

use super::transport::run;
use chorus::clock::{Mono, Now, Wall};
use chorus::rng::Rng;
use chorus::sid::AccountSid;
use chorus::sip::event::{
    Fence, Flow, InviteCmd, LegId, Lookup, ResolveId, SipCmd, SipEvent, SipOut, Transport as Kind,
};
use chorus::sip::flow::named;
use chorus::sip::transport::{Config, Inbound, Transport};
use chorus::sip::{Endpoint, EndpointConfig};
use chorus::store::rows::TrunkRow;
use chorus::trunk::Snapshot;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

pub const A: u16 = 1;
pub const SRV: u16 = 33;
pub const NAPTR: u16 = 35;

/// What a server holds: owner, type, data.
pub type Zone = Vec<(&'static str, u16, Vec<u8>)>;

/// A name as it stands in a record.
fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|l| !l.is_empty());
    labels.flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat()).chain([0]).collect()
}

fn string(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

pub fn srv(priority: u16, port: u16, host: &str) -> Vec<u8> {
    let numbers = [priority, 1, port].map(u16::to_be_bytes).concat();
    [numbers, name(host)].concat()
}

pub fn naptr(order: u16, preference: u16, flags: &str, service: &str, to: &str) -> Vec<u8> {
    let numbers = [order, preference].map(u16::to_be_bytes).concat();
    [numbers, string(flags), string(service), string(""), name(to)].concat()
}

/// The zone of these tests.
fn zone() -> Zone {
    let ip = |n: u8| Ipv4Addr::new(192, 0, 2, n).octets().to_vec();
    vec![
        ("carrier.test", NAPTR, naptr(20, 1, "s", "SIP+D2U", "_sip._udp.carrier.test")),
        ("carrier.test", NAPTR, naptr(10, 2, "s", "SIP+D2T", "other.carrier.test")),
        ("carrier.test", NAPTR, naptr(10, 1, "S", "sips+d2t", "_sips._tcp.carrier.test")),
        ("carrier.test", NAPTR, naptr(1, 1, "s", "SIP+D2W", "_sip._ws.carrier.test")),
        ("carrier.test", NAPTR, naptr(1, 2, "u", "E2U+sip", "")),
        ("_sips._tcp.carrier.test", SRV, srv(1, 5061, "edge.carrier.test")),
        ("other.carrier.test", SRV, srv(20, 5070, "edge.carrier.test")),
        ("other.carrier.test", SRV, srv(10, 5080, "near.carrier.test")),
        ("_sip._udp.carrier.test", SRV, srv(1, 5090, "edge.carrier.test")),
        ("edge.carrier.test", A, ip(1)),
        ("near.carrier.test", A, ip(2)),
        ("carrier.test", A, ip(9)),
        ("_sip._tcp.plain.test", SRV, srv(1, 5062, "near.carrier.test")),
        ("bare.test", A, ip(3)),
        ("bare.test", A, ip(4)),
        ("evil.test", A, ip(2)),
        ("_sip._udp.worse.test", SRV, srv(1, 5999, "near.carrier.test")),
        ("own.test", A, ip(8)),
        ("_sip._udp.shy.test", SRV, srv(0, 0, ".")),
        ("shy.test", A, ip(8)),
        ("_sip._udp.half.test", SRV, srv(0, 0, ".")),
        ("_sip._tcp.half.test", SRV, srv(1, 5062, "near.carrier.test")),
    ]
}

/// Answers with what the zone has, or with nothing.
pub fn answer(query: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let mut labels = vec![];
    let mut at = 12;
    while let Some(length) = query.get(at).copied().filter(|l| *l > 0) {
        let end = at + 1 + usize::from(length);
        labels.push(String::from_utf8_lossy(query.get(at + 1..end)?).to_ascii_lowercase());
        at = end;
    }
    let question = query.get(12..at + 5)?;
    let kind = u16::from_be_bytes(query.get(at + 1..at + 3)?.try_into().ok()?);
    let asked = labels.join(".");
    let found: Vec<_> = zone.iter().filter(|(owner, k, _)| *owner == asked && *k == kind).collect();
    // Authoritative, no error; one question.
    let mut out = [&query[..2], &[0x84, 0, 0, 1, 0, found.len() as u8, 0, 0, 0, 0], question].concat();
    for (_, kind, data) in found {
        out.extend([0xc0, 12]);
        out.extend([*kind, 1].map(u16::to_be_bytes).concat());
        out.extend(60_u32.to_be_bytes());
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

/// The type that a query asks for.
fn kind(query: &[u8]) -> Option<u16> {
    let name = query.get(12..)?.iter().position(|b| *b == 0)?;
    query.get(12 + name + 1..12 + name + 3).map(|k| u16::from_be_bytes([k[0], k[1]]))
}

async fn server() -> SocketAddr {
    server_that_knows(|_| true).await
}

/// One that leaves unanswered what it is asked of other types.
async fn server_that_knows(types: fn(u16) -> bool) -> SocketAddr {
    server_that_answers(move |query| kind(query).is_some_and(types)).await
}

/// One that answers these queries alone.
async fn server_that_answers(known: impl Fn(&[u8]) -> bool + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
            if let Some(bytes) = answer(&buffer[..n], &zone()).filter(|_| known(&buffer[..n])) {
                let _ = socket.send_to(&bytes, from).await;
            }
        }
    });
    at
}

#[test]
fn names_are_found_by_naptr_srv_and_addresses_in_their_order() {
    run(async {
        let (to, mut inbox) = mpsc::channel(64);
        let config = Config { dns: vec![server().await], ..Config::new(([127, 0, 0, 1], 0).into()) };
        let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
        type Found<'a> = &'a [(&'a str, Kind)];
        let all: Found = &[
            ("192.0.2.1:5061", Kind::Tls),
            ("192.0.2.2:5080", Kind::Tcp),
            ("192.0.2.1:5070", Kind::Tcp),
            ("192.0.2.1:5090", Kind::Udp),
        ];
        let cases: [(&str, Option<u16>, Option<Kind>, Found); 11] = [
            ("carrier.test", None, None, all),
            ("carrier.test", None, Some(Kind::Udp), &[("192.0.2.1:5090", Kind::Udp)]),
            ("carrier.test", None, Some(Kind::Tls), &[("192.0.2.1:5061", Kind::Tls)]),
            ("carrier.test", Some(5999), None, &[("192.0.2.9:5999", Kind::Udp)]),
            ("plain.test", None, None, &[("192.0.2.2:5062", Kind::Tcp)]),
            (
                "bare.test",
                None,
                Some(Kind::Tls),
                &[("192.0.2.3:5061", Kind::Tls), ("192.0.2.4:5061", Kind::Tls)],
            ),
            ("nowhere.test", None, None, &[]),
            // It does not want datagrams.
            ("shy.test", None, None, &[]),
            ("shy.test", None, Some(Kind::Udp), &[]),
            ("shy.test", None, Some(Kind::Tcp), &[("192.0.2.8:5060", Kind::Tcp)]),
            ("half.test", None, None, &[("192.0.2.2:5062", Kind::Tcp)]),
        ];
        for (n, (host, port, kind, want)) in cases.into_iter().enumerate() {
            let hop = Lookup { host: host.into(), port, transport: kind, trunk: None };
            transport.resolve(ResolveId(n as u64), hop);
            let found = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await.unwrap().unwrap();
            let Inbound::Resolved(_, flows) = found else { panic!() };
            let mut seen: Vec<(String, Kind)> =
                flows.iter().map(|f: &Flow| (f.remote.to_string(), f.transport)).collect();
            if host == "bare.test" {
                // Addresses of one name are in no order.
                seen.sort_by(|a, b| a.0.cmp(&b.0));
            }
            let want: Vec<_> = want.iter().map(|(at, kind)| ((*at).to_owned(), *kind)).collect();
            assert_eq!(seen, want, "{host} {port:?} {kind:?}");
            // Whoever DNS names must prove to be whom we asked for.
            let tls = flows.iter().filter(|f| f.transport == Kind::Tls);
            assert!(tls.clone().all(|f| f.conn == named(None, host)));
        }
    });
}

/// The whole way: names of accounts and of trunks are asked of DNS, and what they lead to is compared.
#[test]
fn no_other_name_leads_to_a_carrier() {
    run(async {
        let (to, mut inbox) = mpsc::channel(64);
        let config = Config { dns: vec![server().await], ..Config::new(([127, 0, 0, 1], 0).into()) };
        let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
        let trunk = TrunkRow { outbound_host: Some("carrier.test".into()), ..TrunkRow::default() };
        let mut endpoint = Endpoint::new(Rng::from_number(1), EndpointConfig::default());
        let now = Now { mono: Mono(1_000_000), wall: Wall(0) };
        endpoint.set_sources(now, Arc::new(Snapshot::new(vec![trunk], vec![])));
        for (n, (host, open, goes)) in [
            ("evil.test", false, false),
            ("worse.test", false, false),
            ("own.test", false, true),
            ("evil.test", true, true),
        ]
        .into_iter()
        .enumerate()
        {
            let uri = format!("sip:+442079460018@{host}");
            let invite = InviteCmd {
                leg: LegId(2 + 2 * n as u64),
                call_id: format!("{n}@here"),
                local_tag: "mine".into(),
                from: "<sip:a@LOCAL>".into(),
                to: format!("<{uri}>"),
                uri,
                max_forwards: 70,
                fence: Some(Fence { account: AccountSid(1), open }),
                ..InviteCmd::default()
            };
            endpoint.command(now, SipCmd::Invite(Box::new(invite)));
            let went = loop {
                match endpoint.poll() {
                    Some(SipOut::Resolve(id, hop)) => transport.resolve(id, hop),
                    Some(SipOut::Send(flow, _)) => break Some(flow.remote.ip().to_string()),
                    Some(SipOut::Event(SipEvent::Ended { cause, .. })) => {
                        assert_eq!(cause.code, 403, "{host}: {}", cause.words);
                        break None;
                    }
                    Some(SipOut::Event(_)) => {}
                    None => match tokio::time::timeout(Duration::from_secs(20), inbox.recv())
                        .await
                        .unwrap()
                        .unwrap()
                    {
                        Inbound::Resolved(id, flows) => endpoint.command(now, SipCmd::Resolved(id, flows)),
                        _ => panic!("nothing else was asked for"),
                    },
                }
            };
            let at = if host == "own.test" { "192.0.2.8" } else { "192.0.2.2" };
            assert_eq!(went.as_deref(), goes.then_some(at), "{host}");
        }
    });
}

#[test]
fn a_server_that_is_mute_to_what_it_does_not_know_still_tells_the_address() {
    run(async {
        for (types, host, want) in [
            ((|k| k == A) as fn(u16) -> bool, "carrier.test", vec!["192.0.2.9:5060"]),
            // Mute to NAPTR and AAAA, then to AAAA alone.
            (|k| k == A || k == SRV, "plain.test", vec!["192.0.2.2:5062"]),
            (
                |k| k != 28,
                "carrier.test",
                vec!["192.0.2.1:5061", "192.0.2.2:5080", "192.0.2.1:5070", "192.0.2.1:5090"],
            ),
        ] {
            let (to, mut inbox) = mpsc::channel(64);
            let dns = vec![server_that_knows(types).await];
            let config = Config { dns, ..Config::new(([127, 0, 0, 1], 0).into()) };
            let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
            let hop = Lookup { host: host.into(), ..Lookup::default() };
            transport.resolve(ResolveId(1), hop);
            let found = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await.unwrap().unwrap();
            let Inbound::Resolved(_, flows) = found else { panic!() };
            let seen: Vec<String> = flows.iter().map(|f| f.remote.to_string()).collect();
            assert_eq!(seen, want, "{host}");
        }
    });
}

/// Accounts choose names, and may choose some that nobody answers for: the trunks' are found all the same.
#[test]
fn slow_names_of_accounts_do_not_keep_a_trunk_waiting() {
    run(async {
        let slow = |query: &[u8]| query.windows(4).any(|w| w == b"slow");
        let dns = vec![server_that_answers(move |query| !slow(query)).await];
        let (to, mut inbox) = mpsc::channel(1_024);
        let config = Config { dns, ..Config::new(([127, 0, 0, 1], 0).into()) };
        let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
        for n in 0..600 {
            let hop = Lookup { host: format!("slow{n}.test"), port: Some(5060), ..Lookup::default() };
            transport.resolve(ResolveId(n), hop);
        }
        let trunk = Some(chorus::sid::TrunkSid(1));
        let hop = Lookup { host: "own.test".into(), port: Some(5060), transport: None, trunk };
        transport.resolve(ResolveId(1_000), hop);
        let found = loop {
            let next = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await.unwrap().unwrap();
            match next {
                Inbound::Resolved(ResolveId(1_000), flows) => break flows,
                Inbound::Resolved(_, flows) => assert!(flows.is_empty()),
                _ => panic!("nothing else was asked for"),
            }
        };
        assert_eq!(found.iter().map(|f| f.remote.to_string()).collect::<Vec<_>>(), ["192.0.2.8:5060"]);
    });
}
