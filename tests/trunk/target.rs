//! From whom a call is to go to, to what its INVITE says.

use crate::kit::rows::{account, number, trunk};
use chorus::call::cx::{CallSettings, Cx, Ids};
use chorus::call::tables::Tables;
use chorus::call::target::{NoRoute, Target, Wish, find};
use chorus::clock::{Mono, Now, Wall};
use chorus::rng::Rng;
use chorus::sid::{AccountSid, TrunkSid};
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{TrunkMode, TrunkRow};
use std::sync::Arc;

const ACCOUNT: AccountSid = AccountSid(7);
const OWN: &str = "+15550001";

fn dial(trunks: Vec<TrunkRow>, to: &str, from: &str) -> Result<Target, NoRoute> {
    let settings = CallSettings {
        public_url: String::new(),
        node: String::new(),
        silent_after_s: 0,
        realm: "chorus".to_owned(),
        events: None,
        addresses: vec!["192.0.2.1:5060".parse().unwrap()],
    };
    let accounts = vec![account(ACCOUNT, AccountRules::default())];
    let tables = Arc::new(Tables::new(trunks, vec![number(1, OWN, ACCOUNT.0)], vec![], accounts));
    let (mut rng, mut ids, mut fx) = (Rng::from_number(1), Ids::default(), Vec::new());
    let now = Now { mono: Mono(0), wall: Wall(0) };
    let cx = Cx {
        now,
        rng: &mut rng,
        ids: &mut ids,
        tables: &tables,
        registrar: &Default::default(),
        channels: &Default::default(),
        usage: &Default::default(),
        settings: &settings,
        fx: &mut fx,
    };
    find(&cx, ACCOUNT, &Wish { to, from, ..Wish::default() })
}

fn text(s: &str) -> Option<String> {
    Some(s.to_owned())
}

fn registration() -> TrunkRow {
    TrunkRow {
        authentication_mode: TrunkMode::OutboundRegistration,
        outbound_host: text("pbx.client.com:5060"),
        username: text("chorus_user"),
        password: text("secret"),
        ..trunk(1, &[])
    }
}

fn peer() -> TrunkRow {
    TrunkRow { authentication_mode: TrunkMode::ClientCredentials, username: text("alice"), ..trunk(2, &[]) }
}

#[test]
fn registered_at_an_exchange_the_uri_loses_its_plus_and_from_and_to_keep_it() {
    let t = dial(vec![registration()], "+14155551234", OWN).unwrap();
    assert_eq!(t.uri, "sip:14155551234@pbx.client.com:5060");
    assert_eq!(t.to, "<sip:+14155551234@pbx.client.com:5060>");
    assert_eq!(t.from, "<sip:+15550001@LOCAL>");
    assert_eq!(t.next_hop, text("pbx.client.com:5060"));
    assert_eq!((t.trunk, t.registered), (Some(TrunkSid(1)), None));
    let c = t.credentials.unwrap();
    assert_eq!((c.username.as_str(), c.password.as_str()), ("chorus_user", "secret"));
    let row = TrunkRow {
        auth_user: text("auth"),
        from_user: text("user@home"),
        outbound_proxy: text("sbc.client.com"),
        transport: "tcp".to_owned(),
        ..registration()
    };
    let t = dial(vec![row], "+14155551234", OWN).unwrap();
    assert_eq!(
        (t.credentials.unwrap().username.as_str(), t.from.as_str()),
        ("auth", "<sip:user%40home@LOCAL>")
    );
    assert_eq!(t.next_hop, text("sbc.client.com;transport=tcp"));
}

#[test]
fn a_caller_that_is_not_the_accounts_is_replaced_where_the_trunk_has_a_sender() {
    let row = TrunkRow { default_sender: text("+15559999"), ..registration() };
    for (from, shown) in
        [(OWN, OWN), ("15550001", "15550001"), ("+19175551234", "+15559999"), ("", "+15559999")]
    {
        let t = dial(vec![row.clone()], "+14155551234", from).unwrap();
        assert_eq!(t.from, format!("<sip:{shown}@LOCAL>"), "{from}");
    }
    let t = dial(vec![registration()], "+14155551234", "+19175551234").unwrap();
    assert_eq!(t.from, "<sip:+19175551234@LOCAL>");
}

#[test]
fn the_other_ways_are_named_in_their_order() {
    let first = TrunkRow {
        outbound_host: text("10.0.0.9"),
        outbound_route_prefixes: vec!["14".to_owned()],
        ..trunk(3, &[])
    };
    // A PBX that registers: it has prefixes, so that it is no telephone.
    let pbx = TrunkRow { outbound_route_prefixes: vec!["1".to_owned()], ..peer() };
    let t = dial(vec![registration(), pbx, first], "+14155551234", OWN).unwrap();
    assert_eq!((t.trunk, t.uri.as_str()), (Some(TrunkSid(3)), "sip:+14155551234@10.0.0.9"));
    let ways: Vec<_> = t
        .alternatives
        .iter()
        .map(|a| (a.trunk.unwrap().0, a.uri.as_str(), a.registered.as_deref()))
        .collect();
    let expected = [
        (2, "sip:+14155551234@chorus.local", Some("alice")),
        (1, "sip:14155551234@pbx.client.com:5060", None),
    ];
    assert_eq!(ways, expected);
    assert_eq!(t.alternatives[1].credentials.as_ref().unwrap().username, "chorus_user");
    assert_eq!((&t.alternatives[0].credentials, &t.alternatives[0].next_hop), (&None, &None));
    assert_eq!(dial(vec![trunk(1, &["192.0.2.7"])], "+14155551234", OWN).unwrap_err().code, 13224);
}

#[test]
fn a_peer_that_registers_is_dialled_by_its_name_at_us() {
    for host in [
        "chorus",
        "CHORUS",
        "chorus:5060",
        "chorus.local",
        "192.0.2.1",
        "192.0.2.1:5060",
        "chorus;transport=tcp",
    ] {
        let uri = format!("sip:alice@{host}");
        let t = dial(vec![peer()], &uri, OWN).unwrap();
        assert_eq!((t.registered.as_deref(), t.trunk), (Some("alice"), Some(TrunkSid(2))), "{uri}");
        assert_eq!(t.uri, uri);
    }
    for other in [
        "sip:bob@chorus",
        "sip:alice@example.com",
        "sip:alice@192.0.2.1:5070",
        "sip:chorus",
        "sip:Alice@chorus",
    ] {
        assert_eq!(dial(vec![peer()], other, OWN).unwrap().registered, None, "{other}");
    }
    let of_another = TrunkRow { account: Some(AccountSid(8)), ..peer() };
    assert_eq!(dial(vec![of_another], "sip:alice@chorus", OWN).unwrap().registered, None);
    // A number goes to where the peer registered, too.
    let t = dial(vec![peer()], "+14155551234", OWN).unwrap();
    assert_eq!((t.registered.as_deref(), t.next_hop), (Some("alice"), None));
}
