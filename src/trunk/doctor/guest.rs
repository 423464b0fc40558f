//! What is wrong with a trunk whose peer registers here: is it there, does it answer, and who tried in vain?

use super::Finding;
use crate::api::command::{TurnedAway, Visited};
use crate::sip::event::Transport;
use crate::sip::wire::Uri;
use crate::store::rows::{BindingRow, TrunkRow};
use crate::trunk::identify::Network;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};

/// In the order in which it helps.
pub fn examine(trunk: &TrunkRow, visited: &Visited) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        visited.contacts.iter().map(|(row, heard)| contact(row, heard.as_ref())).collect();
    if found.is_empty() {
        found.push(nobody(trunk, visited));
    }
    let later = |away: &&TurnedAway| visited.contacts.iter().all(|(row, _)| row.updated <= away.at);
    found.extend(visited.turned_away.as_ref().filter(later).map(|away| turned_away(trunk, away)));
    found
}

fn user(trunk: &TrunkRow) -> &str {
    trunk.username.as_deref().unwrap_or_default()
}

fn nobody(trunk: &TrunkRow, here: &Visited) -> Finding {
    let addresses = here.addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>();
    let at = if addresses.is_empty() { String::new() } else { format!(" ({})", addresses.join(", ")) };
    Finding::bad(format!(
        "Nobody has registered here as '{}', so nobody is called. Let the telephone or the PBX register at this server{at} over UDP \
         or TCP, with this user and the trunk's password; the realm is '{}'.{}",
        user(trunk),
        here.realm,
        where_from(trunk),
    ))
}

fn where_from(trunk: &TrunkRow) -> String {
    match trunk.inbound_source_ips.as_slice() {
        [] => String::new(),
        all => format!(" It must come from {}: from elsewhere it hears nothing.", all.join(", ")),
    }
}

fn contact(row: &BindingRow, heard: Option<&(u16, String)>) -> Finding {
    let transport = match row.flow.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    };
    let agent = if row.user_agent.is_empty() { String::new() } else { format!(", {}", row.user_agent) };
    let who = format!(
        "{} is registered from {} over {transport}{agent} until {}",
        row.contact,
        row.flow.remote,
        row.expires.iso8601()
    );
    let nat = match hidden(row) {
        true => {
            " It calls itself by another address, as behind a NAT; it is called where it registered from."
        }
        false => "",
    };
    match heard {
        Some((code, words)) => Finding::good(format!("{who}; OPTIONS: {code} {words}.{nat}")),
        None => Finding::bad(format!(
            "{who}, and does not answer OPTIONS there: it is off, or a NAT or firewall on the way has forgotten it. Let it register \
             more often, or over TCP.{nat}"
        )),
    }
}

fn hidden(row: &BindingRow) -> bool {
    let host = Uri::parse(&row.contact).ok().map(|uri| uri.host.trim_matches(['[', ']']).to_owned());
    let ip = host.and_then(|host| host.parse::<IpAddr>().ok());
    ip.is_some_and(|ip| ip.to_canonical() != row.flow.remote.ip().to_canonical())
}

fn turned_away(trunk: &TrunkRow, away: &TurnedAway) -> Finding {
    let what = format!("{} from {} was refused at {}", away.what, away.source, away.at.iso8601());
    let source = away.source.ip();
    let holds = |s: &String| Network::parse(s).is_ok_and(|n| n.contains(source));
    let sources = &trunk.inbound_source_ips;
    if !sources.is_empty() && !sources.iter().any(holds) {
        let all: Vec<String> = sources.iter().cloned().chain([source.to_string()]).collect();
        return Finding::bad(format!("{what}: the trunk's inbound_source_ips do not hold its address."))
            .with([("inbound_source_ips", json!(all))]);
    }
    Finding::bad(format!(
        "{what}: it showed another password than that of '{}', or was shut out after ten wrong ones (for ten minutes). Give both sides \
         the same one.",
        user(trunk)
    ))
    .with([("password", json!("the password that the telephone shows"))])
}
