//! A dialog (RFC 3261 section 12): what both ends remember of each other, and the requests that can be sent in it.

use super::event::{DialogIds, Flow, Transport};
use super::wire::{CSEQ_MAX, Message, Method, NameAddr, Uri, Writer};
use std::net::{IpAddr, SocketAddr};

/// SIP's port without TLS (RFC 3261 19.1.2).
pub const PORT: u16 = 5060;
/// Hops that a request of ours may take (RFC 3261 8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;
/// Most Record-Route values that a dialog keeps; a longer way is not real.
const ROUTES_MAX: usize = 32;
/// A host of this name in a From stands for our address on the flow.
const LOCAL: &str = "LOCAL";

/// One end of a dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// What is stored with the call.
    pub ids: DialogIds,
    /// The last CSeq of the peer.
    pub remote_cseq: Option<u32>,
    /// Nobody takes the connection that its next hop asks for: requests go as datagrams, as the dialog came.
    pub datagrams: bool,
}

/// The value of From or To without its tag.
fn untagged(address: Option<NameAddr>) -> String {
    address.map(|a| a.without_tag().to_string()).unwrap_or_default()
}

/// `sip:` URI of Contact; an RFC 2543 peer may send none, then its From or To must do.
fn target(message: &Message, fallback: Option<NameAddr>) -> String {
    let address = message.contact().or(fallback);
    address.map(|a| a.uri.without_headers().to_string()).unwrap_or_default()
}

/// Via of a request of ours. `rport` asks for the response where NAT lets it through (RFC 3581).
pub fn via(flow: &Flow, branch: &str) -> String {
    match flow.transport {
        Transport::Udp => format!("SIP/2.0/UDP {};rport;branch={branch}", flow.local),
        Transport::Tcp => format!("SIP/2.0/TCP {};branch={branch}", flow.local),
        Transport::Tls => format!("SIP/2.0/TLS {};branch={branch}", flow.local),
    }
}

/// Contact of ours on a flow, for whoever is called `peer`: `sips:` for a `sips:` peer (RFC 5630 section 5.1.1.1), which then says all
/// of the transport.
pub fn contact(flow: &Flow, peer: &str) -> String {
    let secure = peer.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"));
    match flow.transport {
        Transport::Tls if secure => format!("<sips:{}>", flow.local),
        Transport::Udp => format!("<sip:{}>", flow.local),
        Transport::Tcp => format!("<sip:{};transport=tcp>", flow.local),
        Transport::Tls => format!("<sip:{};transport=tls>", flow.local),
    }
}

/// From of an INVITE of ours with `LOCAL` replaced by our address.
pub fn local_from(from: &str, flow: &Flow) -> String {
    match NameAddr::parse(from) {
        Ok(mut address) if address.uri.host == LOCAL => {
            address.uri.host = match flow.local.ip() {
                IpAddr::V4(v4) => v4.to_string(),
                IpAddr::V6(v6) => format!("[{v6}]"),
            };
            address.without_tag().to_string()
        }
        Ok(address) => address.without_tag().to_string(),
        Err(_) => from.to_owned(),
    }
}

impl Dialog {
    /// Of what is known of it; the peer has not asked for anything yet.
    pub fn of(ids: DialogIds) -> Dialog {
        Dialog { ids, remote_cseq: None, datagrams: false }
    }

    /// The dialog that answering `invite` makes (RFC 3261 12.1.1).
    pub fn uas(invite: &Message, flow: Flow, local_tag: String, local_cseq: u32) -> Dialog {
        let mut route_set = invite.headers.elements("Record-Route");
        route_set.truncate(ROUTES_MAX);
        let ids = DialogIds {
            call_id: invite.call_id().to_owned(),
            local_tag,
            remote_tag: invite.from_tag().unwrap_or_default(),
            local_uri: untagged(invite.to()),
            remote_uri: untagged(invite.from()),
            remote_target: target(invite, invite.from()),
            route_set,
            local_cseq,
            flow,
            hidden: is_behind_nat(invite, &flow),
        };
        Dialog { remote_cseq: invite.cseq().map(|c| c.number), ..Dialog::of(ids) }
    }

    /// The dialog that a 2xx to our INVITE makes (RFC 3261 12.1.2).
    pub fn uac(response: &Message, flow: Flow) -> Dialog {
        let mut route_set = response.headers.elements("Record-Route");
        route_set.reverse();
        route_set.truncate(ROUTES_MAX);
        let ids = DialogIds {
            call_id: response.call_id().to_owned(),
            local_tag: response.from_tag().unwrap_or_default(),
            remote_tag: response.to_tag().unwrap_or_default(),
            local_uri: untagged(response.from()),
            remote_uri: untagged(response.to()),
            remote_target: target(response, response.to()),
            route_set,
            local_cseq: response.cseq().map_or(1, |c| c.number),
            flow,
            hidden: false,
        };
        Dialog::of(ids)
    }

    /// The number of the next request of ours.
    pub fn next_cseq(&mut self) -> u32 {
        self.ids.local_cseq = self.ids.local_cseq.saturating_add(1).min(CSEQ_MAX);
        self.ids.local_cseq
    }

    /// Takes the number of a request of the peer; false if a later one was here before (RFC 3261 12.2.2).
    pub fn in_order(&mut self, cseq: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| cseq < last) {
            return false;
        }
        self.remote_cseq = Some(cseq);
        true
    }

    /// A target refresh: re-INVITE or UPDATE with a new Contact.
    pub fn refresh(&mut self, target: Option<String>) {
        if let Some(target) = target {
            self.datagrams &= target == self.ids.remote_target;
            self.ids.hidden &= address(&target) == address(&self.ids.remote_target);
            self.ids.remote_target = target;
        }
    }

    /// Request-URI and Route values of a request, for a loose first router or a strict one (RFC 3261 12.2.1.1).
    pub fn routing(&self) -> (String, Vec<String>) {
        let ids = &self.ids;
        let first = ids.route_set.first().and_then(|r| NameAddr::parse(r).ok());
        match first {
            Some(first) if !first.uri.is_loose() => {
                let mut routes: Vec<String> = ids.route_set.iter().skip(1).cloned().collect();
                routes.push(format!("<{}>", ids.remote_target));
                (first.uri.without_headers().to_string(), routes)
            }
            _ => (ids.remote_target.clone(), ids.route_set.clone()),
        }
    }

    /// Where a request goes. A stream keeps its connection while there is one. Otherwise the next hop's address counts if
    /// it is a literal that is not hidden behind a NAT: the port that a lost connection came from takes none. A name is
    /// not looked up again: the way the dialog came is known to work. It goes by the transport that the next hop asks for.
    pub fn destination(&self) -> Flow {
        let flow = self.ids.flow;
        let datagrams = flow.transport == Transport::Udp;
        if (!datagrams && flow.conn != 0) || (datagrams && self.ids.hidden) {
            return flow;
        }
        let first = self.ids.route_set.first().and_then(|r| NameAddr::parse(r).ok()).map(|r| r.uri);
        let Some(uri) = first.or_else(|| Uri::parse(&self.ids.remote_target).ok()) else { return flow };
        let Ok(ip) = uri.next_host().parse::<IpAddr>() else { return flow };
        let source = flow.remote.ip().to_canonical();
        if is_hidden(ip, source) || ip.is_ipv4() != source.is_ipv4() {
            return flow;
        }
        let transport = match uri.transport().map(str::to_ascii_lowercase).as_deref() {
            Some("tcp") if !self.datagrams => Transport::Tcp,
            Some("udp") => Transport::Udp,
            _ => flow.transport,
        };
        Flow { transport, remote: SocketAddr::new(ip, uri.port.unwrap_or(PORT)), ..flow }
    }

    /// Begins a request in this dialog: everything but Contact and what is special to its method.
    pub fn request(&self, method: &Method, cseq: u32, branch: &str) -> Writer {
        let (uri, routes) = self.routing();
        let ids = &self.ids;
        let mut w = Writer::request(method, &uri)
            .header("Via", &via(&self.destination(), branch))
            .header("Max-Forwards", &MAX_FORWARDS.to_string());
        for route in &routes {
            w = w.header("Route", route);
        }
        let tag = |uri: &str, tag: &str| match tag {
            "" => uri.to_owned(),
            tag => format!("{uri};tag={tag}"),
        };
        w.header("From", &tag(&ids.local_uri, &ids.local_tag))
            .header("To", &tag(&ids.remote_uri, &ids.remote_tag))
            .header("Call-ID", &ids.call_id)
            .header("CSeq", &format!("{cseq} {method}"))
    }
}

/// Does a NAT stand between us and who sent this INVITE? The address that it calls its own, in its Via and in its Contact, is not the one
/// that it came from, and no proxy has passed it on. Inner addresses need not be private ones: some networks use what is others'.
fn is_behind_nat(invite: &Message, flow: &Flow) -> bool {
    let direct = invite.headers.elements("Via").len() == 1 && !invite.headers.has("Record-Route");
    let own = invite.via().and_then(|via| via.ip());
    let contact = invite.contact().and_then(|c| address(&c.uri.to_string()));
    direct && own.is_some_and(|own| own != flow.remote.ip().to_canonical() && Some(own) == contact)
}

/// Of the next hop that a URI names, if it is written as an address.
pub fn address(uri: &str) -> Option<IpAddr> {
    let ip: IpAddr = Uri::parse(uri).ok()?.next_host().parse().ok()?;
    Some(ip.to_canonical())
}

/// Does this address, which a peer wrote, mean nothing here? One of a private network that its messages do not come from.
pub fn is_hidden(ip: IpAddr, source: IpAddr) -> bool {
    let source = source.to_canonical();
    let realm = private_realm(ip);
    ip.is_unspecified() || (realm.is_some() && ip != source && realm != private_realm(source))
}

/// Does this address mean nothing outside its own network?
pub fn is_private(ip: IpAddr) -> bool {
    private_realm(ip).is_some()
}

/// Of an address that means nothing outside its own network: which kind of network. Two of one kind are taken for
/// neighbours (a proxy and a telephone behind it), two of different kinds have a NAT between them.
fn private_realm(ip: IpAddr) -> Option<&'static str> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => match v4.octets() {
            [127, ..] => Some("host"),
            [169, 254, ..] => Some("link"),
            [10, ..] => Some("10/8"),
            [172, 16..=31, ..] => Some("172.16/12"),
            [192, 168, ..] => Some("192.168/16"),
            [100, 64..=127, ..] => Some("100.64/10"),
            _ => None,
        },
        IpAddr::V6(v6) => match v6.segments() {
            _ if v6.is_loopback() => Some("host"),
            [a, ..] if a & 0xffc0 == 0xfe80 => Some("link"),
            [a, ..] if a & 0xfe00 == 0xfc00 => Some("fc00::/7"),
            _ => None,
        },
    }
}
