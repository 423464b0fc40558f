//! (s) The whole route table, and how a path finds its row.

use super::operation::{Access, Ctx, Done, Handler, Operation, Shape, Verb};
use super::params::Param;
use super::*;
use super::{form::decode, schema::Schema};

/// Suffixes that a path of v2010 may end in.
const SUFFIXES: &[&str] = &["json", "xml", "csv", "wav", "mp3"];

macro_rules! run {
    ($handler:path) => {{
        fn run(ctx: Ctx) -> Done {
            Box::pin($handler(ctx))
        }
        run as Handler
    }};
}

const V: &str = "/2010-04-01/Accounts";

macro_rules! path {
    ($rest:literal) => {
        concat!("/2010-04-01/Accounts/{AccountSid}", $rest)
    };
}

const fn row(
    id: &'static str,
    verb: Verb,
    path: &'static str,
    params: &'static [Param],
    shape: Shape,
    handler: Handler,
) -> Operation {
    Operation { id, verb, path, params, shape, status: 200, access: Access::Account, words: "", handler }
}

const fn get(
    id: &'static str,
    path: &'static str,
    s: &'static Schema,
    h: Handler,
    words: &'static str,
) -> Operation {
    let mut o = row(id, Verb::Get, path, &[], Shape::Record(s), h);
    o.words = words;
    o
}

const fn list(
    id: &'static str,
    path: &'static str,
    filters: &'static [Param],
    key: &'static str,
    s: &'static Schema,
    h: Handler,
    words: &'static str,
) -> Operation {
    let mut o = row(id, Verb::Get, path, filters, Shape::List(key, s), h);
    o.words = words;
    o
}

const fn post(
    id: &'static str,
    path: &'static str,
    params: &'static [Param],
    s: &'static Schema,
    h: Handler,
    words: &'static str,
) -> Operation {
    let mut o = row(id, Verb::Post, path, params, Shape::Record(s), h);
    o.words = words;
    o
}

const fn meta_list(
    id: &'static str,
    path: &'static str,
    key: &'static str,
    s: &'static Schema,
    h: Handler,
    words: &'static str,
) -> Operation {
    let mut o = row(id, Verb::Get, path, &[], Shape::MetaList(key, s), h);
    o.words = words;
    o
}

const fn delete(id: &'static str, path: &'static str, h: Handler, words: &'static str) -> Operation {
    let mut o = row(id, Verb::Delete, path, &[], Shape::Empty, h);
    o.status = 204;
    o.words = words;
    o
}

impl Operation {
    const fn status(mut self, status: u16) -> Operation {
        self.status = status;
        self
    }

    const fn by(mut self, access: Access) -> Operation {
        self.access = access;
        self
    }

    const fn taking(mut self, params: &'static [Param]) -> Operation {
        self.params = params;
        self
    }

    const fn saying(mut self, words: &'static str) -> Operation {
        self.words = words;
        self
    }
}

/// Every operation. Where two paths match, the one above wins: words before variables.
#[rustfmt::skip]
pub static ROUTES: &[Operation] = &[
    list("ListAccount", V, accounts::FILTERS, "accounts", &accounts::ACCOUNT, run!(accounts::list), "The account and its subaccounts.").by(Access::Main),
    post("CreateAccount", V, accounts::CREATE, &accounts::ACCOUNT, run!(accounts::create), "Makes a subaccount.").status(201).by(Access::Main),
    get("FetchAccount", path!(""), &accounts::ACCOUNT, run!(accounts::fetch), "An account.").by(Access::Main),
    post("UpdateAccount", path!(""), accounts::UPDATE, &accounts::ACCOUNT, run!(accounts::update), "Renames an account, or suspends, wakes or closes a subaccount.").by(Access::Main),

    list("ListKey", path!("/Keys"), &[], "keys", &keys::KEY, run!(keys::list), "API keys.").by(Access::Main),
    post("CreateNewKey", path!("/Keys"), keys::FIELDS, &keys::NEW_KEY, run!(keys::create), "Makes an API key; its secret is shown only now.").status(201).by(Access::Main),
    get("FetchKey", path!("/Keys/{Sid}"), &keys::KEY, run!(keys::fetch), "An API key.").by(Access::Main),
    post("UpdateKey", path!("/Keys/{Sid}"), keys::FIELDS, &keys::KEY, run!(keys::update), "Renames an API key.").by(Access::Main),
    delete("DeleteKey", path!("/Keys/{Sid}"), run!(keys::delete), "Deletes an API key.").by(Access::Main),

    list("ListCall", path!("/Calls"), calls::FILTERS, "calls", &calls::CALL, run!(calls::list), "Calls, newest first."),
    post("CreateCall", path!("/Calls"), call_create::CREATE, &calls::CALL, run!(call_create::create), "Calls somebody. The header Idempotency-Key makes a repetition harmless.").status(201),
    get("FetchCall", path!("/Calls/{Sid}"), &calls::CALL, run!(calls::fetch), "A call."),
    post("UpdateCall", path!("/Calls/{Sid}"), call_update::UPDATE, &calls::CALL, run!(call_update::update), "Ends a live call or gives it another document."),
    delete("DeleteCall", path!("/Calls/{Sid}"), run!(calls::delete), "Deletes the record of a call that is over."),

    list("ListCallRecording", path!("/Calls/{CallSid}/Recordings"), call_recordings::FILTERS, "recordings", &call_recordings::RECORDING, run!(call_recordings::list), "Recordings of a call."),
    post("CreateCallRecording", path!("/Calls/{CallSid}/Recordings"), call_recordings::CREATE, &call_recordings::RECORDING, run!(call_recordings::create), "Starts recording a live call.").status(201),
    get("FetchCallRecording", path!("/Calls/{CallSid}/Recordings/{Sid}"), &call_recordings::RECORDING, run!(call_recordings::fetch), "A recording of a call."),
    post("UpdateCallRecording", path!("/Calls/{CallSid}/Recordings/{Sid}"), call_recordings::UPDATE, &call_recordings::RECORDING, run!(call_recordings::update), "Pauses, resumes or stops a recording; Twilio.CURRENT names the one that runs."),
    delete("DeleteCallRecording", path!("/Calls/{CallSid}/Recordings/{Sid}"), run!(call_recordings::delete), "Deletes a recording."),

    post("CreateStream", path!("/Calls/{CallSid}/Streams"), streams::CREATE, &streams::STREAM, run!(streams::create), "Starts a one-way media stream on a live call."),
    post("UpdateStream", path!("/Calls/{CallSid}/Streams/{Sid}"), streams::UPDATE, &streams::STREAM, run!(streams::stop), "Stops a stream, named by SID or name."),

    list("ListCallNotification", path!("/Calls/{CallSid}/Notifications"), notifications::FILTERS, "notifications", &notifications::CALL_LISTED, run!(notifications::list_of_call), "Errors and warnings of a call."),
    get("FetchCallNotification", path!("/Calls/{CallSid}/Notifications/{Sid}"), &notifications::CALL_FETCHED, run!(notifications::fetch_of_call), "An error or warning of a call."),
    list("ListNotification", path!("/Notifications"), notifications::FILTERS, "notifications", &notifications::LISTED, run!(notifications::list), "Errors and warnings of the account."),
    get("FetchNotification", path!("/Notifications/{Sid}"), &notifications::FETCHED, run!(notifications::fetch), "An error or warning."),

    list("ListRecording", path!("/Recordings"), recordings::FILTERS, "recordings", &recordings::RECORDING, run!(recordings::list), "Recordings, newest first."),
    get("FetchRecording", path!("/Recordings/{Sid}"), &recordings::RECORDING, run!(recordings::fetch), "A recording, its metadata.").taking(recordings::FETCH),
    row("FetchRecordingMedia", Verb::Get, path!("/Recordings/{Sid}"), recordings::MEDIA, Shape::Media, run!(recordings::audio)).saying("The audio: WAV, or MP3 by the suffix .mp3; Range is obeyed."),
    delete("DeleteRecording", path!("/Recordings/{Sid}"), run!(recordings::delete), "Deletes a recording with its audio."),

    list("ListIncomingPhoneNumberLocal", path!("/IncomingPhoneNumbers/Local"), numbers::FILTERS, "incoming_phone_numbers", &numbers::LOCAL, run!(numbers::list), "Local numbers."),
    post("CreateIncomingPhoneNumberLocal", path!("/IncomingPhoneNumbers/Local"), numbers::CREATE_LOCAL, &numbers::LOCAL, run!(numbers::create), "Claims a local number.").status(201),
    list("ListIncomingPhoneNumberMobile", path!("/IncomingPhoneNumbers/Mobile"), numbers::FILTERS, "incoming_phone_numbers", &numbers::MOBILE, run!(numbers::list), "Mobile numbers."),
    post("CreateIncomingPhoneNumberMobile", path!("/IncomingPhoneNumbers/Mobile"), numbers::CREATE_MOBILE, &numbers::MOBILE, run!(numbers::create), "Claims a mobile number.").status(201),
    list("ListIncomingPhoneNumberTollFree", path!("/IncomingPhoneNumbers/TollFree"), numbers::FILTERS, "incoming_phone_numbers", &numbers::TOLL_FREE_NUMBER, run!(numbers::list), "Toll-free numbers."),
    post("CreateIncomingPhoneNumberTollFree", path!("/IncomingPhoneNumbers/TollFree"), numbers::CREATE_TOLL_FREE, &numbers::TOLL_FREE_NUMBER, run!(numbers::create), "Claims a toll-free number.").status(201),
    list("ListIncomingPhoneNumber", path!("/IncomingPhoneNumbers"), numbers::FILTERS, "incoming_phone_numbers", &numbers::NUMBER, run!(numbers::list), "Numbers of the account."),
    post("CreateIncomingPhoneNumber", path!("/IncomingPhoneNumbers"), numbers::CREATE, &numbers::NUMBER, run!(numbers::create), "Claims a number that nobody holds.").status(201),
    get("FetchIncomingPhoneNumber", path!("/IncomingPhoneNumbers/{Sid}"), &numbers::NUMBER, run!(numbers::fetch), "A number."),
    post("UpdateIncomingPhoneNumber", path!("/IncomingPhoneNumbers/{Sid}"), numbers::UPDATE, &numbers::NUMBER, run!(numbers::update), "Changes what happens when a number is called."),
    delete("DeleteIncomingPhoneNumber", path!("/IncomingPhoneNumbers/{Sid}"), run!(numbers::delete), "Gives a number up."),

    list("ListApplication", path!("/Applications"), applications::FILTERS, "applications", &applications::APPLICATION, run!(applications::list), "Applications."),
    post("CreateApplication", path!("/Applications"), applications::FIELDS, &applications::APPLICATION, run!(applications::create), "Makes an application.").status(201),
    get("FetchApplication", path!("/Applications/{Sid}"), &applications::APPLICATION, run!(applications::fetch), "An application."),
    post("UpdateApplication", path!("/Applications/{Sid}"), applications::FIELDS, &applications::APPLICATION, run!(applications::update), "Changes an application."),
    delete("DeleteApplication", path!("/Applications/{Sid}"), run!(applications::delete), "Deletes an application."),

    meta_list("ListTrunk", "/v1/Trunks", "trunks", &elastic_trunks::TRUNK, run!(elastic_trunks::list), "Trunks of the account, newest first."),
    post("CreateTrunk", "/v1/Trunks", elastic_trunks::CREATE, &elastic_trunks::TRUNK, run!(elastic_trunks::create), "Makes a trunk: a PBX dials out through its domain, its numbers ring at its origination URLs.").status(201),
    get("FetchTrunk", "/v1/Trunks/{Sid}", &elastic_trunks::TRUNK, run!(elastic_trunks::fetch), "A trunk of the account."),
    post("UpdateTrunk", "/v1/Trunks/{Sid}", elastic_trunks::UPDATE, &elastic_trunks::TRUNK, run!(elastic_trunks::update), "Changes a trunk; live calls go on as they began."),
    delete("DeleteTrunk", "/v1/Trunks/{Sid}", run!(elastic_trunks::delete), "Deletes a trunk; its numbers stay."),
    get("FetchTrunkRecording", "/v1/Trunks/{TrunkSid}/Recording", &elastic_trunks::RECORDING, run!(elastic_trunks::fetch_recording), "How the calls of a trunk are recorded."),
    post("UpdateTrunkRecording", "/v1/Trunks/{TrunkSid}/Recording", elastic_trunks::RECORDING_FIELDS, &elastic_trunks::RECORDING, run!(elastic_trunks::update_recording), "Says how the calls of a trunk are recorded from now on."),
    meta_list("ListOriginationUrl", "/v1/Trunks/{TrunkSid}/OriginationUrls", "origination_urls", &origination_urls::ORIGINATION_URL, run!(origination_urls::list), "Where the numbers of a trunk ring."),
    post("CreateOriginationUrl", "/v1/Trunks/{TrunkSid}/OriginationUrls", origination_urls::CREATE, &origination_urls::ORIGINATION_URL, run!(origination_urls::create), "Adds an origination URL.").status(201),
    get("FetchOriginationUrl", "/v1/Trunks/{TrunkSid}/OriginationUrls/{Sid}", &origination_urls::ORIGINATION_URL, run!(origination_urls::fetch), "An origination URL."),
    post("UpdateOriginationUrl", "/v1/Trunks/{TrunkSid}/OriginationUrls/{Sid}", origination_urls::UPDATE, &origination_urls::ORIGINATION_URL, run!(origination_urls::update), "Changes an origination URL."),
    delete("DeleteOriginationUrl", "/v1/Trunks/{TrunkSid}/OriginationUrls/{Sid}", run!(origination_urls::delete), "Deletes an origination URL."),
    meta_list("ListPhoneNumber", "/v1/Trunks/{TrunkSid}/PhoneNumbers", "phone_numbers", &trunk_numbers::PHONE_NUMBER, run!(trunk_numbers::list), "Numbers of a trunk."),
    post("CreatePhoneNumber", "/v1/Trunks/{TrunkSid}/PhoneNumbers", trunk_numbers::CREATE, &trunk_numbers::PHONE_NUMBER, run!(trunk_numbers::create), "Gives a number to a trunk.").status(201),
    get("FetchPhoneNumber", "/v1/Trunks/{TrunkSid}/PhoneNumbers/{Sid}", &trunk_numbers::PHONE_NUMBER, run!(trunk_numbers::fetch), "A number of a trunk."),
    delete("DeletePhoneNumber", "/v1/Trunks/{TrunkSid}/PhoneNumbers/{Sid}", run!(trunk_numbers::delete), "Takes a number from a trunk; the account keeps it."),
    meta_list("ListCredentialList", "/v1/Trunks/{TrunkSid}/CredentialLists", "credential_lists", &trunk_lists::CREDENTIAL_LIST, run!(trunk_lists::list), "Lists of users that open a trunk."),
    post("CreateCredentialList", "/v1/Trunks/{TrunkSid}/CredentialLists", trunk_lists::CREDENTIALS, &trunk_lists::CREDENTIAL_LIST, run!(trunk_lists::create), "Lets the users of a list dial out through a trunk.").status(201),
    get("FetchCredentialList", "/v1/Trunks/{TrunkSid}/CredentialLists/{Sid}", &trunk_lists::CREDENTIAL_LIST, run!(trunk_lists::fetch), "A list of users that opens a trunk."),
    delete("DeleteCredentialList", "/v1/Trunks/{TrunkSid}/CredentialLists/{Sid}", run!(trunk_lists::delete), "Takes a list of users from a trunk."),
    meta_list("ListIpAccessControlList", "/v1/Trunks/{TrunkSid}/IpAccessControlLists", "ip_access_control_lists", &trunk_lists::IP_ACL, run!(trunk_lists::list), "Lists of addresses that open a trunk."),
    post("CreateIpAccessControlList", "/v1/Trunks/{TrunkSid}/IpAccessControlLists", trunk_lists::ADDRESSES, &trunk_lists::IP_ACL, run!(trunk_lists::create), "Lets the addresses of a list dial out through a trunk.").status(201),
    get("FetchIpAccessControlList", "/v1/Trunks/{TrunkSid}/IpAccessControlLists/{Sid}", &trunk_lists::IP_ACL, run!(trunk_lists::fetch), "A list of addresses that opens a trunk."),
    delete("DeleteIpAccessControlList", "/v1/Trunks/{TrunkSid}/IpAccessControlLists/{Sid}", run!(trunk_lists::delete), "Takes a list of addresses from a trunk."),
    list("ListSipCredentialList", path!("/SIP/CredentialLists"), &[], "credential_lists", &credential_lists::LIST, run!(credential_lists::list), "Lists of SIP users."),
    post("CreateSipCredentialList", path!("/SIP/CredentialLists"), credential_lists::FIELDS, &credential_lists::LIST, run!(credential_lists::create), "Makes a list of SIP users.").status(201),
    get("FetchSipCredentialList", path!("/SIP/CredentialLists/{Sid}"), &credential_lists::LIST, run!(credential_lists::fetch), "A list of SIP users."),
    post("UpdateSipCredentialList", path!("/SIP/CredentialLists/{Sid}"), credential_lists::FIELDS, &credential_lists::LIST, run!(credential_lists::update), "Renames a list of SIP users."),
    delete("DeleteSipCredentialList", path!("/SIP/CredentialLists/{Sid}"), run!(credential_lists::delete), "Deletes a list of SIP users that nothing uses."),
    list("ListSipCredential", path!("/SIP/CredentialLists/{CredentialListSid}/Credentials"), &[], "credentials", &credentials::CREDENTIAL, run!(credentials::list), "SIP users of a list."),
    post("CreateSipCredential", path!("/SIP/CredentialLists/{CredentialListSid}/Credentials"), credentials::CREATE, &credentials::CREDENTIAL, run!(credentials::create), "Makes a SIP user; its password is kept as a hash.").status(201),
    get("FetchSipCredential", path!("/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}"), &credentials::CREDENTIAL, run!(credentials::fetch), "A SIP user."),
    post("UpdateSipCredential", path!("/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}"), credentials::UPDATE, &credentials::CREDENTIAL, run!(credentials::update), "Gives a SIP user another password."),
    delete("DeleteSipCredential", path!("/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}"), run!(credentials::delete), "Deletes a SIP user."),

    list("ListSipIpAccessControlList", path!("/SIP/IpAccessControlLists"), &[], "ip_access_control_lists", &ip_acls::LIST, run!(ip_acls::list), "Lists of addresses that may call."),
    post("CreateSipIpAccessControlList", path!("/SIP/IpAccessControlLists"), ip_acls::FIELDS, &ip_acls::LIST, run!(ip_acls::create), "Makes a list of addresses that may call.").status(201),
    get("FetchSipIpAccessControlList", path!("/SIP/IpAccessControlLists/{Sid}"), &ip_acls::LIST, run!(ip_acls::fetch), "A list of addresses that may call."),
    post("UpdateSipIpAccessControlList", path!("/SIP/IpAccessControlLists/{Sid}"), ip_acls::FIELDS, &ip_acls::LIST, run!(ip_acls::update), "Renames a list of addresses."),
    delete("DeleteSipIpAccessControlList", path!("/SIP/IpAccessControlLists/{Sid}"), run!(ip_acls::delete), "Deletes a list of addresses that nothing uses."),
    list("ListSipIpAddress", path!("/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses"), &[], "ip_addresses", &ip_addresses::ADDRESS_RECORD, run!(ip_addresses::list), "Addresses of a list."),
    post("CreateSipIpAddress", path!("/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses"), ip_addresses::CREATE, &ip_addresses::ADDRESS_RECORD, run!(ip_addresses::create), "Adds an address or a network to a list.").status(201),
    get("FetchSipIpAddress", path!("/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}"), &ip_addresses::ADDRESS_RECORD, run!(ip_addresses::fetch), "An address of a list."),
    post("UpdateSipIpAddress", path!("/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}"), ip_addresses::UPDATE, &ip_addresses::ADDRESS_RECORD, run!(ip_addresses::update), "Changes an address of a list."),
    delete("DeleteSipIpAddress", path!("/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}"), run!(ip_addresses::delete), "Takes an address off a list."),

    list("ListSipDomain", path!("/SIP/Domains"), &[], "domains", &sip_domains::DOMAIN, run!(sip_domains::list), "SIP domains."),
    post("CreateSipDomain", path!("/SIP/Domains"), sip_domains::CREATE, &sip_domains::DOMAIN, run!(sip_domains::create), "Makes a SIP domain. It takes calls once a list is mapped to it.").status(201),
    get("FetchSipDomain", path!("/SIP/Domains/{Sid}"), &sip_domains::DOMAIN, run!(sip_domains::fetch), "A SIP domain."),
    post("UpdateSipDomain", path!("/SIP/Domains/{Sid}"), sip_domains::UPDATE, &sip_domains::DOMAIN, run!(sip_domains::update), "Changes a SIP domain."),
    delete("DeleteSipDomain", path!("/SIP/Domains/{Sid}"), run!(sip_domains::delete), "Deletes a SIP domain; its lists stay."),
    list("ListSipAuthCallsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings"), &[], "contents", &sip_mappings::CALLS_USERS, run!(sip_mappings::list), "Users that may call a domain."),
    post("CreateSipAuthCallsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings"), sip_mappings::CREDENTIALS, &sip_mappings::CALLS_USERS, run!(sip_mappings::create), "Users that may call a domain: one more list.").status(201),
    get("FetchSipAuthCallsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings/{Sid}"), &sip_mappings::CALLS_USERS, run!(sip_mappings::fetch), "Users that may call a domain: one list."),
    delete("DeleteSipAuthCallsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings/{Sid}"), run!(sip_mappings::delete), "Users that may call a domain: without this list."),
    list("ListSipAuthCallsIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings"), &[], "contents", &sip_mappings::CALLS_ADDRESSES, run!(sip_mappings::list), "Addresses that may call a domain."),
    post("CreateSipAuthCallsIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings"), sip_mappings::ADDRESSES, &sip_mappings::CALLS_ADDRESSES, run!(sip_mappings::create), "Addresses that may call a domain: one more list.").status(201),
    get("FetchSipAuthCallsIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings/{Sid}"), &sip_mappings::CALLS_ADDRESSES, run!(sip_mappings::fetch), "Addresses that may call a domain: one list."),
    delete("DeleteSipAuthCallsIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings/{Sid}"), run!(sip_mappings::delete), "Addresses that may call a domain: without this list."),
    list("ListSipAuthRegistrationsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings"), &[], "contents", &sip_mappings::REGISTRATIONS, run!(sip_mappings::list), "Users that may register at a domain."),
    post("CreateSipAuthRegistrationsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings"), sip_mappings::CREDENTIALS, &sip_mappings::REGISTRATIONS, run!(sip_mappings::create), "Users that may register at a domain: one more list.").status(201),
    get("FetchSipAuthRegistrationsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings/{Sid}"), &sip_mappings::REGISTRATIONS, run!(sip_mappings::fetch), "Users that may register at a domain: one list."),
    delete("DeleteSipAuthRegistrationsCredentialListMapping", path!("/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings/{Sid}"), run!(sip_mappings::delete), "Users that may register at a domain: without this list."),
    list("ListSipCredentialListMapping", path!("/SIP/Domains/{DomainSid}/CredentialListMappings"), &[], "credential_list_mappings", &sip_mappings::USERS, run!(sip_mappings::list), "Users that may call a domain, by the older path."),
    post("CreateSipCredentialListMapping", path!("/SIP/Domains/{DomainSid}/CredentialListMappings"), sip_mappings::CREDENTIALS, &sip_mappings::USERS, run!(sip_mappings::create), "Users that may call a domain, by the older path: one more list.").status(201),
    get("FetchSipCredentialListMapping", path!("/SIP/Domains/{DomainSid}/CredentialListMappings/{Sid}"), &sip_mappings::USERS, run!(sip_mappings::fetch), "Users that may call a domain, by the older path: one list."),
    delete("DeleteSipCredentialListMapping", path!("/SIP/Domains/{DomainSid}/CredentialListMappings/{Sid}"), run!(sip_mappings::delete), "Users that may call a domain, by the older path: without this list."),
    list("ListSipIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/IpAccessControlListMappings"), &[], "ip_access_control_list_mappings", &sip_mappings::LEGACY_ADDRESSES, run!(sip_mappings::list), "Addresses that may call a domain, by the older path."),
    post("CreateSipIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/IpAccessControlListMappings"), sip_mappings::ADDRESSES, &sip_mappings::LEGACY_ADDRESSES, run!(sip_mappings::create), "Addresses that may call a domain, by the older path: one more list.").status(201),
    get("FetchSipIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/IpAccessControlListMappings/{Sid}"), &sip_mappings::LEGACY_ADDRESSES, run!(sip_mappings::fetch), "Addresses that may call a domain, by the older path: one list."),
    delete("DeleteSipIpAccessControlListMapping", path!("/SIP/Domains/{DomainSid}/IpAccessControlListMappings/{Sid}"), run!(sip_mappings::delete), "Addresses that may call a domain, by the older path: without this list."),

    row("ListSipTrunk", Verb::Get, "/carrier/v1/sip_trunks", &[], Shape::CarrierList(&trunk_fields::TRUNK), run!(sip_trunks::list)).saying("The operator's trunks.").by(Access::Carrier),
    row("CreateSipTrunk", Verb::Post, "/carrier/v1/sip_trunks", trunk_fields::CREATE, Shape::Carrier(&trunk_fields::TRUNK), run!(sip_trunks::create)).saying("Makes a trunk. A password that is made up for client_credentials stands in this answer as `password`, and in no other.").status(201).by(Access::Carrier),
    row("FetchSipTrunk", Verb::Get, "/carrier/v1/sip_trunks/{Sid}", &[], Shape::Carrier(&trunk_fields::TRUNK), run!(sip_trunks::fetch)).saying("A trunk.").by(Access::Carrier),
    row("UpdateSipTrunk", Verb::Patch, "/carrier/v1/sip_trunks/{Sid}", trunk_fields::UPDATE, Shape::Carrier(&trunk_fields::TRUNK), run!(sip_trunks::update)).saying("Changes what is given of a trunk; null clears. PUT does the same.").by(Access::Carrier),
    row("ExplainSipTrunk", Verb::Get, "/carrier/v1/sip_trunks/{Sid}/explain", sip_trunks::EXPLAIN, Shape::Carrier(&sip_trunks::EXPLANATION), run!(sip_trunks::explain)).saying("What happens to a call to a number over this trunk, inbound and outbound, step by step, and why not.").by(Access::Carrier),
    row("TestSipTrunk", Verb::Post, "/carrier/v1/sip_trunks/{Sid}/test", trunk_test::TEST, Shape::Carrier(&trunk_test::RESULT), run!(trunk_test::test)).saying("Asks the trunk's peer by OPTIONS, by REGISTER where we register, and by an INVITE that is taken back when it rings; says what is wrong and what to change.").by(Access::Carrier),
    delete("DeleteSipTrunk", "/carrier/v1/sip_trunks/{Sid}", run!(sip_trunks::delete), "Deletes a trunk; live calls go on.").by(Access::Carrier),

    row("ListCarrierAccount", Verb::Get, "/carrier/v1/accounts", carrier_accounts::FILTERS, Shape::CarrierList(&carrier_accounts::ACCOUNT), run!(carrier_accounts::list)).saying("Accounts, newest first.").by(Access::Carrier),
    row("CreateCarrierAccount", Verb::Post, "/carrier/v1/accounts", carrier_accounts::CREATE, Shape::Carrier(&carrier_accounts::CREATED), run!(carrier_accounts::create)).saying("Makes an account. Its token stands in this answer as `auth_token`, and in no other under /carrier.").status(201).by(Access::Carrier),
    row("FetchCarrierAccount", Verb::Get, "/carrier/v1/accounts/{Sid}", &[], Shape::Carrier(&carrier_accounts::ACCOUNT), run!(carrier_accounts::fetch)).saying("An account.").by(Access::Carrier),
    row("UpdateCarrierAccount", Verb::Patch, "/carrier/v1/accounts/{Sid}", carrier_accounts::UPDATE, Shape::Carrier(&carrier_accounts::ACCOUNT), run!(carrier_accounts::update)).saying("Renames an account, suspends, wakes or closes it. PUT does the same.").by(Access::Carrier),

    row("ListCarrierPhoneNumber", Verb::Get, "/carrier/v1/phone_numbers", phone_numbers::FILTERS, Shape::CarrierList(&phone_numbers::NUMBER), run!(phone_numbers::list)).saying("The inventory of numbers, newest first.").by(Access::Carrier),
    row("CreateCarrierPhoneNumber", Verb::Post, "/carrier/v1/phone_numbers", phone_numbers::CREATE, Shape::Carrier(&phone_numbers::NUMBER), run!(phone_numbers::create)).saying("Puts a number into the inventory, and gives it to an account if one is named.").status(201).by(Access::Carrier),
    row("FetchCarrierPhoneNumber", Verb::Get, "/carrier/v1/phone_numbers/{Sid}", &[], Shape::Carrier(&phone_numbers::NUMBER), run!(phone_numbers::fetch)).saying("A number of the inventory, and whose it is.").by(Access::Carrier),
    row("UpdateCarrierPhoneNumber", Verb::Patch, "/carrier/v1/phone_numbers/{Sid}", phone_numbers::UPDATE, Shape::Carrier(&phone_numbers::NUMBER), run!(phone_numbers::update)).saying("Changes what is given of a number; account_sid gives it to an account, null takes it back. PUT does the same.").by(Access::Carrier),
    delete("DeleteCarrierPhoneNumber", "/carrier/v1/phone_numbers/{Sid}", run!(phone_numbers::delete), "Takes a number out of the inventory, if no account has it.").by(Access::Carrier),

    row("ListCarrierCall", Verb::Get, "/carrier/v1/calls", carrier_calls::FILTERS, Shape::CarrierList(&carrier_calls::CALL), run!(carrier_calls::list)).saying("Calls of all accounts, newest first.").by(Access::Carrier),
    row("ListCarrierCallEvent", Verb::Get, "/carrier/v1/calls/{Sid}/events", &[], Shape::CarrierList(&carrier_calls::EVENT), run!(carrier_calls::events)).saying("What an external switch reported of a call, newest first.").by(Access::Carrier),
    row("FetchCarrierCall", Verb::Get, "/carrier/v1/calls/{Sid}", &[], Shape::Carrier(&carrier_calls::CALL), run!(carrier_calls::fetch)).saying("A call: why and by whom it ended, how long it rang, how it sounded.").by(Access::Carrier),

    row("ListGateway", Verb::Get, "/gateways", super::params::PAGING, Shape::Json(&gateways::GATEWAYS), run!(gateways::list)).saying("Gateways: the trunks that register elsewhere.").by(Access::Carrier),
    row("CreateGateway", Verb::Post, "/gateways", gateways::CREATE, Shape::Json(&gateways::GATEWAY), run!(gateways::create)).saying("Makes a gateway, or replaces the one of this name; it registers at once.").status(201).by(Access::Carrier),
    row("FetchGateway", Verb::Get, "/gateways/{Id}", &[], Shape::Json(&gateways::GATEWAY), run!(gateways::fetch)).saying("A gateway, by id or name.").by(Access::Carrier),
    delete("DeleteGateway", "/gateways/{Id}", run!(gateways::delete), "Deletes a gateway, by id or name; its registration is taken back.").by(Access::Carrier),

    row("CreateInboundPhoneCall", Verb::Post, "/services/inbound_phone_calls", services::INBOUND, Shape::Json(&services::TAKEN), run!(services::inbound)).saying("An external switch got a call: which number it is, and what to do with it.").by(Access::Carrier),
    row("CreatePhoneCallEvent", Verb::Post, "/services/phone_call_events", services::CALL_EVENT, Shape::Json(&services::REPORTED), run!(services::phone_call)).saying("An external switch tells how a call goes.").status(202).by(Access::Carrier),
    row("CreateMediaStreamEvent", Verb::Post, "/services/media_stream_events", services::STREAM_EVENT, Shape::Json(&services::REPORTED), run!(services::media_stream)).saying("An external switch tells how a media stream goes.").status(202).by(Access::Carrier),

    get("FetchTimeline", "/chorus/v1/calls/{Sid}/timeline", &timeline::TIMELINE, run!(timeline::fetch), "Who said what to whom in a call, also while it lives."),

    row("Health", Verb::Get, "/healthz", &[], Shape::Text, run!(health::alive)).saying("The process lives.").by(Access::Open),
    row("Readiness", Verb::Get, "/readyz", &[], Shape::Text, run!(health::ready)).saying("The server can take calls.").by(Access::Open),
    row("Metrics", Verb::Get, "/metrics", &[], Shape::Text, run!(health::metrics)).saying("Counters in Prometheus' form.").by(Access::Open),
];

/// What a method and a path are.
pub struct Route {
    /// The rows whose path it is: none, one, or those of several methods and forms.
    pub operations: Vec<&'static Operation>,
    /// Variables of the path, decoded.
    pub vars: Vec<(&'static str, String)>,
    /// Suffix, without its dot.
    pub suffix: Option<String>,
    /// The path without suffix.
    pub bare: String,
}

/// Takes the suffix off the last word of a path.
fn split_suffix(path: &str) -> (&str, Option<&str>) {
    match path.rsplit_once('.') {
        // `Twilio.CURRENT` is a name, not a suffix.
        Some((bare, suffix)) if SUFFIXES.contains(&suffix) => (bare, Some(suffix)),
        _ => (path, None),
    }
}

/// The variables of a path under a template, or None if it does not match.
fn variables(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut vars = Vec::new();
    let mut words = path.split('/');
    for part in template.split('/') {
        let word = words.next()?;
        match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            Some(name) => vars.push((name, decode(word.as_bytes(), false).filter(|w| !w.is_empty())?)),
            None if part == word => {}
            None => return None,
        }
    }
    words.next().is_none().then_some(vars)
}

/// Finds the rows of a path. Rows of the first template that matches count, so that `Local` is no SID.
pub fn find(path: &str) -> Route {
    let v2010 = path.starts_with("/2010-04-01/");
    let (bare, suffix) = if v2010 { split_suffix(path) } else { (path, None) };
    let bare = bare.strip_suffix('/').filter(|b| !b.is_empty()).unwrap_or(bare);
    let mut route = Route {
        operations: Vec::new(),
        vars: Vec::new(),
        suffix: suffix.map(str::to_string),
        bare: bare.to_string(),
    };
    let first = ROUTES.iter().find_map(|o| variables(o.path, bare).map(|vars| (o.path, vars)));
    if let Some((template, vars)) = first {
        route.operations = ROUTES.iter().filter(|o| o.path == template).collect();
        route.vars = vars;
    }
    route
}

impl Route {
    /// The row of a method, or the refusal. Of a recording, the suffix tells metadata from audio.
    pub fn operation(&self, verb: Option<Verb>, json: bool) -> Result<&'static Operation, refusal::Refusal> {
        let audio = match self.suffix.as_deref() {
            Some("wav" | "mp3") => true,
            None => !json,
            _ => false,
        };
        let mut rows = self.operations.iter().copied().filter(|o| Some(o.verb) == verb);
        let row = match (rows.next(), rows.next()) {
            (Some(record), Some(media)) => Some(if audio { media } else { record }),
            (row, _) => row,
        };
        row.ok_or_else(|| match self.operations.is_empty() {
            true => refusal::Refusal::not_found(&self.shown()),
            false => refusal::Refusal::new(20004, "This method is not allowed on this resource."),
        })
    }

    /// The path as messages and links show it: v2010 with `.json`.
    pub fn shown(&self) -> String {
        match self.bare.starts_with("/2010-04-01/") {
            true => format!("{}.json", self.bare),
            false => self.bare.clone(),
        }
    }
}
