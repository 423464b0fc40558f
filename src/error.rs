//! ONE table: Twilio code <-> HTTP status <-> SIP cause <-> sentence <-> whose fault <-> retryable.
//!
//! Whoever reports an error looks it up here: REST answers, Notifications, refusals to INVITEs. Codes 204xx without a
//! page at Twilio follow Twilio's own pattern, 20000 + HTTP status.

/// Where Twilio explains a code; the number follows.
pub const MORE_INFO: &str = "https://www.twilio.com/docs/errors/";

/// Does it end what was going on?
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// Usually ends the document or refuses the request. Notifications: `log` 0.
    Error,
    /// The call goes on. Notifications: `log` 1.
    Warning,
}

/// Who can do something about it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Who sent the request or placed the call.
    Caller,
    /// The customer's application: its URL, its document, its answers, its stream server.
    App,
    /// The SIP peer, or a provider behind us.
    Carrier,
    /// This server.
    Us,
}

/// One row, or a family of neighbouring codes that this server does not tell apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Twilio's code; of a family the first.
    pub code: u32,
    /// The last of a family; otherwise `code`.
    pub last: u32,
    /// Error or warning.
    pub level: Level,
    /// HTTP status where a REST answer carries it; None: only in the log.
    pub http: Option<u16>,
    /// SIP status where an INVITE is refused with it.
    pub sip: Option<u16>,
    /// Whose fault.
    pub fault: Fault,
    /// The same request may succeed later, unchanged.
    pub retryable: bool,
    /// What happened, readable alone; no values.
    pub sentence: &'static str,
}

/// The row of a code, or None if the code is unknown.
pub fn entry(code: u32) -> Option<&'static Entry> {
    let after = ENTRIES.partition_point(|e| e.code <= code);
    ENTRIES.get(after.checked_sub(1)?).filter(|e| code <= e.last)
}

/// The address of Twilio's page about a code.
pub fn more_info(code: u32) -> String {
    format!("{MORE_INFO}{code}")
}

/// The sentence of a code; for an unknown one a sentence that says so.
pub fn sentence(code: u32) -> &'static str {
    entry(code).map_or("An error without an entry in the table.", |e| e.sentence)
}

const fn some(status: u16) -> Option<u16> {
    if status == 0 { None } else { Some(status) }
}

macro_rules! entries {
    ($($code:literal, $last:literal, $level:ident, $http:literal, $sip:literal, $fault:ident, $retry:literal, $words:literal;)*) => {
        /// Every row, in order of code. Columns: first and last code, level, HTTP status (0: none), SIP status (0: none), fault, retryable, sentence.
        pub const ENTRIES: &[Entry] = &[$(Entry {
            code: $code,
            last: $last,
            level: Level::$level,
            http: some($http),
            sip: some($sip),
            fault: Fault::$fault,
            retryable: $retry,
            sentence: $words,
        }),*];
    };
}

entries! {
    // Accounts and their limits.
    10001, 10001, Error, 403, 0, Caller, false, "The account is not active.";
    10002, 10002, Error, 403, 0, Caller, false, "A trial account may not do this.";
    10003, 10003, Error, 0, 403, Caller, false, "A call came in for an account that is not active.";
    10004, 10004, Error, 403, 486, Caller, true, "The account has as many calls at once as it may have.";
    // Requests of ours to the application (TwiML, callbacks).
    11100, 11100, Error, 0, 0, App, false, "The URL is not valid: it must be absolute, http or https, with a host.";
    11200, 11200, Error, 0, 0, App, true, "The application gave no usable answer: no response in time, or a status that is not 2xx.";
    11201, 11201, Error, 0, 0, App, true, "The TCP connection to the application was not established in time, on any attempt.";
    11202, 11202, Error, 0, 0, App, true, "The application refused the TCP connection.";
    11203, 11203, Error, 0, 0, App, true, "The application did not finish its answer within the total time.";
    11205, 11205, Error, 0, 0, App, true, "The application could not be reached: a network failure, or an address that may not be contacted.";
    11206, 11206, Error, 0, 0, App, true, "What the application spoke is not HTTP.";
    11210, 11210, Error, 0, 0, App, true, "The host name of the URL could not be resolved.";
    11215, 11215, Error, 0, 0, App, false, "More than 10 redirects, or one that leads nowhere.";
    11220, 11220, Error, 0, 0, App, true, "The TLS handshake with the application failed.";
    11235, 11235, Error, 0, 0, App, false, "The application's certificate is for another name.";
    11236, 11236, Error, 0, 0, App, false, "The application's certificate has expired or is not valid yet.";
    11237, 11237, Error, 0, 0, App, false, "The application's certificate comes from an authority that is not trusted.";
    11240, 11240, Error, 0, 0, App, false, "The edge named in the URL's fragment is not known.";
    11241, 11241, Error, 0, 0, App, false, "The edge named in the URL's fragment cannot be used.";
    11242, 11242, Error, 0, 0, App, false, "Interconnect is not allowed for this URL.";
    11243, 11243, Error, 0, 0, App, false, "The retry policy rp in the URL's fragment is not valid.";
    11251, 11251, Error, 0, 0, App, false, "The application broke the HTTP protocol.";
    11300, 11320, Error, 0, 0, App, false, "The URL template is not valid.";
    11750, 11750, Error, 0, 0, App, false, "The body of the application's answer is larger than 64 KiB.";
    11751, 11751, Error, 0, 0, App, false, "The media of a message is too large.";
    11770, 11770, Error, 0, 0, App, false, "The application announced a chunked body and sent an empty one.";
    // The document as a whole.
    12100, 12100, Error, 0, 0, App, false, "The document is not well-formed XML.";
    12101, 12101, Error, 0, 0, App, false, "The version of the Response element is not valid.";
    12102, 12102, Error, 0, 0, App, false, "The root element of the document is not Response.";
    12200, 12200, Warning, 0, 0, App, false, "The document holds an element, attribute or nesting that is not known; it was passed over.";
    12300, 12300, Error, 0, 0, App, false, "The content type of the answer is missing or cannot be used.";
    12301, 12301, Error, 0, 0, App, false, "The content type of the upload is not valid.";
    12400, 12400, Error, 0, 500, Us, true, "The document could not be run because of a fault of ours.";
    // Verbs.
    13000, 13000, Warning, 0, 0, App, false, "Dial: a Conference cannot be mixed with other nouns.";
    13201, 13201, Error, 0, 0, App, false, "Dial: not possible inside a whisper document.";
    13210, 13210, Warning, 0, 0, App, false, "Dial: method must be GET or POST.";
    13212, 13212, Warning, 0, 0, App, false, "Dial: timeout is not valid.";
    13213, 13213, Warning, 0, 0, App, false, "Dial: hangupOnStar is not valid.";
    13214, 13214, Warning, 0, 403, App, false, "Dial: callerId is not one this account may show.";
    13215, 13215, Warning, 0, 0, App, false, "Dial: an element that may not stand in it.";
    13216, 13216, Warning, 0, 0, App, false, "Dial: timeLimit is not valid.";
    13217, 13217, Warning, 0, 0, App, false, "Dial: record is not valid.";
    13218, 13218, Warning, 0, 0, App, false, "Dial: sequential is not valid.";
    13219, 13219, Warning, 0, 0, App, false, "Dial: answerOnBridge is not valid.";
    13220, 13220, Warning, 0, 0, App, false, "Dial: ringTone is not valid.";
    13221, 13221, Warning, 0, 0, App, false, "Number: method must be GET or POST.";
    13222, 13222, Warning, 0, 0, App, false, "Number: sendDigits is not valid.";
    13223, 13223, Warning, 400, 404, App, false, "The phone number to call is not valid: E.164 with a leading plus is needed.";
    13224, 13224, Warning, 400, 404, Caller, false, "The phone number cannot be reached or does not exist.";
    13225, 13225, Warning, 400, 403, Caller, false, "The phone number is blocked.";
    13226, 13226, Warning, 400, 404, Caller, false, "The country code of the phone number is not known.";
    13227, 13227, Warning, 400, 403, Caller, false, "Calls to this country are not permitted for the account.";
    13230, 13230, Warning, 0, 0, App, false, "Conference: muted is not valid.";
    13231, 13231, Error, 0, 0, App, false, "Conference: endConferenceOnExit is not valid.";
    13232, 13232, Warning, 0, 0, App, false, "Conference: startConferenceOnEnter is not valid.";
    13233, 13233, Warning, 0, 0, App, false, "Conference: waitUrl is not valid.";
    13234, 13234, Warning, 0, 0, App, false, "Conference: waitMethod must be GET or POST.";
    13235, 13235, Warning, 0, 0, App, false, "Conference: beep is not valid.";
    13236, 13236, Warning, 0, 0, App, false, "Conference: the SID is not valid.";
    13237, 13237, Warning, 0, 0, App, false, "Conference: the name is not valid.";
    13238, 13238, Error, 0, 0, App, false, "Conference: a verb that may not stand in a wait, hold or announce document.";
    13239, 13239, Error, 0, 0, App, false, "Conference: trim is not valid.";
    13240, 13240, Error, 0, 0, App, false, "Conference: the SID of the call to coach is not valid.";
    13241, 13241, Warning, 0, 0, App, false, "Sip: method must be GET or POST.";
    13242, 13242, Warning, 0, 0, App, false, "Sip: sendDigits is not valid.";
    13243, 13243, Warning, 0, 404, App, false, "Sip: the URI is not valid.";
    13244, 13244, Warning, 0, 403, App, false, "Sip: the account may not call this address.";
    13245, 13245, Warning, 0, 0, App, false, "Sip: not offered in this API version.";
    13246, 13246, Warning, 0, 0, App, false, "Sip: not enabled for this account.";
    13247, 13247, Error, 0, 403, App, false, "The From value is not valid or on a do-not-originate list.";
    13248, 13248, Warning, 0, 0, App, false, "callerId is too long.";
    13249, 13249, Warning, 0, 0, App, false, "Sip: username or password is not valid.";
    13250, 13250, Warning, 0, 0, App, false, "Sip: too many URIs.";
    13251, 13251, Warning, 0, 0, App, false, "Sip: too many headers in the URI.";
    13252, 13252, Warning, 0, 0, App, false, "Sip: the name of a header is not valid; only X- names may be given.";
    13253, 13253, Warning, 0, 0, App, false, "Sip: the headers of the URI are too long.";
    13254, 13254, Warning, 0, 404, App, true, "Sip: the host cannot be resolved or is a private address.";
    13255, 13255, Warning, 0, 0, App, false, "Sip: the host is a domain of our own and was not found.";
    13256, 13256, Warning, 0, 0, App, false, "recordingStatusCallback is not a valid URL; the recording is made.";
    13257, 13257, Error, 0, 0, App, false, "transcribeCallback is not a valid URL; the recording is made.";
    13310, 13310, Warning, 0, 0, App, false, "Gather: finishOnKey holds a character that is no key.";
    13311, 13311, Warning, 0, 0, App, false, "Gather: finishOnKey holds more than one character.";
    13312, 13312, Warning, 0, 0, App, false, "Gather: method must be GET or POST.";
    13313, 13313, Warning, 0, 0, App, false, "Gather: timeout is not valid.";
    13314, 13314, Warning, 0, 0, App, false, "Gather: numDigits is not valid.";
    13320, 13320, Warning, 0, 0, App, false, "Gather: a verb that may not stand in it.";
    13321, 13321, Warning, 0, 0, App, false, "Gather: the voice of a nested Say is not valid.";
    13322, 13322, Warning, 0, 0, App, false, "Gather: the loop of a nested verb is not valid.";
    13325, 13325, Error, 0, 0, App, false, "Gather: the content type of a nested Play cannot be played.";
    13326, 13326, Warning, 0, 0, App, false, "Gather: input is not valid.";
    13327, 13327, Warning, 0, 0, App, false, "Gather: speechTimeout is not valid.";
    13328, 13328, Warning, 0, 0, App, false, "Gather: maxSpeechTime is not valid.";
    13329, 13329, Warning, 0, 0, App, false, "Gather: partialResultCallbackMethod must be GET or POST.";
    13330, 13330, Warning, 0, 0, App, false, "Gather: hints are not valid.";
    13331, 13331, Warning, 0, 0, App, false, "Gather: language is not valid.";
    13332, 13332, Warning, 0, 0, App, false, "Gather: bargeIn is not valid.";
    13333, 13333, Warning, 0, 0, App, false, "Gather: profanityFilter is not valid.";
    13334, 13334, Warning, 0, 0, App, false, "Gather: speechModel is not valid.";
    13335, 13335, Warning, 0, 0, App, false, "Gather: speechTimeout=auto does not go with this speechModel.";
    13337, 13337, Error, 0, 0, App, false, "Gather: payment mode needs https.";
    13338, 13338, Error, 0, 0, App, false, "Gather: actionOnEmptyResult is not valid.";
    13340, 13340, Error, 0, 0, Carrier, true, "Gather: the speech service is degraded.";
    13410, 13410, Warning, 0, 0, App, false, "Play: loop is not valid.";
    13420, 13420, Error, 0, 0, App, false, "Play: the content type cannot be played.";
    13430, 13430, Warning, 0, 0, App, false, "Play: digits hold a character that is no key.";
    13510, 13510, Warning, 0, 0, App, false, "Say: loop is not valid.";
    13511, 13511, Warning, 0, 0, App, false, "Say: voice is not valid.";
    13512, 13512, Warning, 0, 0, App, false, "Say: language is not valid.";
    13513, 13513, Warning, 0, 0, App, false, "Say: rate is not valid.";
    13520, 13520, Warning, 0, 0, App, false, "Say: there is no text, or none that the voice can speak.";
    13521, 13521, Warning, 0, 0, App, false, "Say: the text is too long.";
    13610, 13610, Warning, 0, 0, App, false, "Record: method must be GET or POST.";
    13611, 13611, Warning, 0, 0, App, false, "Record: timeout is not valid.";
    13612, 13612, Warning, 0, 0, App, false, "Record: maxLength is not valid.";
    13613, 13613, Warning, 0, 0, App, false, "Record: finishOnKey is not valid.";
    13614, 13614, Warning, 0, 0, App, false, "Record: transcribe is not valid.";
    13615, 13615, Warning, 0, 0, App, false, "Record: maxLength is too long to transcribe.";
    13616, 13616, Warning, 0, 0, App, false, "Record: playBeep is not valid.";
    13617, 13620, Warning, 0, 0, App, false, "Record: this recording cannot be transcribed.";
    13621, 13621, Error, 0, 0, App, false, "Record: recordingStatusCallbackEvent is not valid.";
    13699, 13699, Warning, 0, 0, App, false, "Record: trim is not valid; nothing is trimmed.";
    13710, 13710, Warning, 0, 0, App, false, "Redirect: method must be GET or POST.";
    13750, 13750, Error, 0, 0, App, false, "The verb does not exist in this API version.";
    13801, 13801, Error, 0, 405, App, false, "Refer: only a SIP leg whose trunk allows it can be referred.";
    13802, 13802, Error, 0, 603, App, false, "A REFER came in and no referUrl was given.";
    13803, 13803, Error, 0, 0, App, false, "Messages cannot be sent from here.";
    13804, 13804, Warning, 0, 0, App, false, "The add-on cannot be used.";
    13805, 13805, Warning, 0, 0, Caller, false, "A trial call ends after 10 minutes.";
    13810, 13810, Warning, 0, 0, App, false, "Reject: reason must be rejected or busy.";
    13910, 13910, Warning, 0, 0, App, false, "Pause: length is not valid.";
    14101, 14111, Warning, 0, 0, App, false, "Sms: an attribute or the text is not valid.";
    14201, 14201, Error, 0, 0, App, false, "Enqueue: method must be GET or POST.";
    14202, 14202, Error, 0, 0, App, false, "Enqueue: waitUrl is not valid.";
    14203, 14203, Error, 0, 0, App, false, "Enqueue: action is not valid.";
    14204, 14204, Error, 0, 0, App, false, "Enqueue: the queue name is too short.";
    14205, 14205, Error, 0, 0, App, false, "Enqueue: the queue name is too long.";
    14206, 14206, Error, 0, 0, App, false, "Enqueue: waitUrlMethod must be GET or POST.";
    14207, 14207, Warning, 0, 0, App, true, "Enqueue: the queue is full.";
    14210, 14219, Error, 0, 0, App, false, "Dial Queue: an attribute is not valid.";
    14220, 14220, Error, 0, 0, App, false, "Enqueue: the workflow SID is not valid.";
    14221, 14221, Error, 0, 0, App, false, "Enqueue: the task is not valid JSON.";
    14222, 14222, Error, 0, 0, Us, true, "Enqueue: the task could not be made.";
    14223, 14223, Error, 0, 0, Us, true, "Enqueue: the task could not be removed.";
    // Callbacks.
    15000, 15000, Error, 0, 0, Us, true, "The status callback was not sent because of a fault of ours.";
    15002, 15002, Error, 0, 0, App, true, "The status callback waited too long in its queue.";
    15003, 15003, Warning, 0, 0, App, true, "The status callback was answered with 4xx or 5xx.";
    15004, 15004, Error, 0, 0, App, false, "A document given as Twiml on a live call holds a relative URL; it must be absolute.";
    // Conferences and recordings.
    16001, 16001, Error, 0, 0, App, false, "The conference is not in a state for this.";
    16002, 16002, Error, 0, 0, App, false, "An attribute of the conference is not valid.";
    16003, 16003, Error, 404, 0, App, false, "The conference is not known.";
    16010, 16010, Error, 0, 0, App, true, "The conference event callback could not be delivered.";
    16011, 16011, Error, 0, 0, App, true, "The conference event callback was answered with an error.";
    16020, 16020, Error, 400, 486, App, true, "The conference is full.";
    16021, 16021, Error, 400, 486, Caller, true, "The account has as many participants at once as it may have.";
    16022, 16022, Error, 400, 0, App, false, "The conference does not exist or is over.";
    16023, 16023, Error, 400, 0, App, false, "The participant label is too long.";
    16024, 16024, Error, 400, 0, App, false, "The participant label is not valid.";
    16025, 16025, Error, 400, 0, App, false, "The participant label may not look like a CallSid.";
    16026, 16026, Error, 400, 0, App, false, "The participant label is in use.";
    16027, 16027, Error, 400, 0, App, true, "The participant to coach is on hold.";
    16028, 16028, Error, 400, 0, App, false, "The participant to coach is not in the conference.";
    16101, 16101, Error, 0, 0, App, false, "The recording is too short to be kept.";
    16102, 16102, Warning, 0, 0, App, false, "The recording holds only silence.";
    16104, 16104, Error, 0, 0, App, false, "The recording could not be encrypted: the key was not found.";
    16105, 16105, Error, 0, 0, App, false, "The recording could not be encrypted: the key is not valid.";
    16106, 16106, Error, 0, 0, Us, true, "The recording could not be encrypted.";
    16108, 16108, Error, 400, 0, App, false, "The call is being recorded already.";
    16113, 16113, Error, 400, 0, Caller, false, "Two channels were asked for, but the recording has one.";
    // The REST API in general.
    20001, 20001, Error, 400, 0, Caller, false, "A parameter is not valid.";
    20002, 20002, Error, 400, 0, Caller, false, "FriendlyName is not valid.";
    20003, 20003, Error, 401, 0, Caller, false, "Authenticate";
    20004, 20004, Error, 405, 0, Caller, false, "This method is not allowed on this resource.";
    20005, 20005, Error, 403, 0, Caller, false, "The account is not active.";
    20006, 20006, Error, 403, 0, Caller, false, "Access denied.";
    20007, 20007, Error, 400, 0, Caller, false, "The page size is too large.";
    20008, 20008, Error, 403, 0, Caller, false, "Test credentials cannot reach this resource.";
    20009, 20009, Error, 409, 0, Caller, true, "The resource cannot be deleted before it is complete.";
    20010, 20010, Error, 403, 0, Caller, false, "This action is disabled for the account.";
    20101, 20106, Error, 401, 0, Caller, false, "The access token is not valid.";
    20107, 20107, Error, 401, 0, Caller, false, "The signature of the access token is not valid.";
    20403, 20403, Error, 403, 0, Caller, false, "Forbidden.";
    20404, 20404, Error, 404, 0, Caller, false, "The requested resource was not found.";
    20406, 20406, Error, 406, 0, Caller, false, "This form of the resource is not offered.";
    20408, 20408, Error, 408, 0, Caller, true, "The request did not arrive in time.";
    20409, 20409, Error, 409, 0, Caller, false, "The request conflicts with an earlier one.";
    20413, 20413, Error, 413, 0, Caller, false, "The request is too large.";
    20415, 20415, Error, 415, 0, Caller, false, "The content type of the request cannot be read.";
    20416, 20416, Error, 416, 0, Caller, false, "The requested range lies outside the media.";
    20422, 20422, Error, 422, 0, Caller, false, "A parameter is not valid.";
    20423, 20423, Error, 400, 0, Caller, false, "The SID is not valid.";
    20426, 20426, Error, 426, 0, Caller, false, "An upgrade of the connection is required.";
    20429, 20429, Error, 429, 0, Caller, true, "Too many requests at once.";
    20500, 20500, Error, 500, 0, Us, true, "An internal error; nothing was changed.";
    20503, 20503, Error, 503, 503, Us, true, "The service is not available now; nothing was changed.";
    // Calls.
    21101, 21101, Error, 400, 0, Caller, false, "A subaccount cannot own subaccounts.";
    21201, 21201, Error, 400, 0, Caller, false, "No 'To' number is specified.";
    21202, 21202, Error, 400, 0, Caller, false, "A premium-rate number cannot be called.";
    21203, 21203, Error, 400, 0, Caller, false, "International calls are not enabled for the account.";
    21205, 21205, Error, 400, 0, Caller, false, "Url is missing or is not an absolute http or https URL.";
    21206, 21206, Error, 400, 0, Caller, false, "SendDigits is not valid: 0-9 A-D # * w W, at most 32.";
    21207, 21207, Error, 400, 0, Caller, false, "IfMachine is not valid.";
    21208, 21208, Error, 400, 0, Caller, false, "Timeout is not valid: 1 to 600 seconds.";
    21209, 21209, Error, 400, 0, Caller, false, "The method is not valid: GET or POST.";
    21210, 21210, Error, 400, 403, Caller, false, "The source phone number is not one of this account.";
    21211, 21211, Error, 400, 0, Caller, false, "The To number is not valid.";
    21212, 21212, Error, 400, 0, Caller, false, "The From number is not valid.";
    21213, 21213, Error, 400, 0, Caller, false, "No 'From' number is specified.";
    21214, 21214, Error, 400, 404, Caller, false, "The To number cannot be reached.";
    21215, 21215, Error, 400, 403, Caller, false, "The account is not authorised to call this country.";
    21216, 21216, Error, 400, 403, Caller, false, "The To number is blocked.";
    21217, 21217, Error, 400, 404, Caller, false, "The To number does not look valid.";
    21218, 21218, Error, 400, 0, Caller, false, "ApplicationSid is not valid or not of this account.";
    21219, 21219, Error, 400, 0, Caller, false, "A trial account can only call verified numbers.";
    21220, 21220, Error, 400, 0, Caller, false, "The call is not in a state for this.";
    21221, 21221, Error, 400, 0, Caller, false, "SipAuthUsername is too long.";
    21222, 21222, Error, 400, 0, Caller, false, "SipAuthUsername holds characters that are not allowed.";
    21223, 21223, Error, 400, 0, Caller, false, "SipAuthPassword is too long.";
    21224, 21224, Error, 400, 0, Caller, false, "SipAuthPassword holds characters that are not allowed.";
    21225, 21225, Error, 400, 0, Caller, false, "SipAuthUsername was sent without SipAuthPassword.";
    21226, 21226, Error, 400, 0, Caller, false, "SIP calls are not enabled.";
    21227, 21227, Error, 400, 0, Caller, false, "The headers of the SIP URI are too long.";
    21228, 21228, Error, 400, 0, Caller, false, "The name of a header of the SIP URI is not valid.";
    21229, 21229, Error, 400, 0, Caller, false, "The value of a header of the SIP URI is not valid.";
    21230, 21230, Error, 400, 0, Caller, false, "The account has as many SIP domains as it may have.";
    21231, 21231, Error, 400, 0, Caller, false, "The SIP domain is not valid.";
    21232, 21232, Error, 400, 0, Caller, false, "The name of the SIP domain is taken.";
    21233, 21233, Error, 400, 0, Caller, false, "The SIP domain has subdomains.";
    21234, 21234, Error, 400, 0, Caller, false, "MachineDetection is not valid.";
    21235, 21235, Error, 400, 0, Caller, false, "The IP access control list is not valid.";
    21236, 21236, Error, 400, 0, Caller, false, "The IP access control list is in use.";
    21237, 21237, Error, 400, 0, Caller, false, "The IP access control list holds too many addresses.";
    21238, 21238, Error, 400, 0, Caller, false, "The IP address is not valid.";
    21239, 21239, Error, 400, 0, Caller, false, "There are too many credential lists.";
    21240, 21240, Error, 400, 0, Caller, false, "The credential list is not valid.";
    21241, 21241, Error, 400, 0, Caller, false, "The credential list is in use.";
    21242, 21242, Error, 400, 0, Caller, false, "The credential list holds too many credentials.";
    21243, 21243, Error, 400, 0, Caller, false, "The credential is not valid.";
    21244, 21244, Error, 400, 0, Caller, false, "There are too many trunks.";
    21245, 21245, Error, 400, 0, Caller, false, "The trunk is not valid.";
    21247, 21247, Error, 400, 0, Caller, false, "The trunk is in use.";
    21248, 21248, Error, 400, 0, Caller, false, "The domain name of the trunk is taken.";
    21249, 21249, Error, 400, 0, Caller, false, "The trunk has too many origination URLs.";
    21252, 21252, Error, 400, 0, Caller, false, "The region is not valid.";
    21253, 21253, Error, 400, 0, Caller, false, "There are too many connection policies.";
    21254, 21254, Error, 400, 0, Caller, false, "The connection policy has too many targets.";
    21255, 21255, Error, 400, 0, Caller, false, "There are too many IP access control lists.";
    21263, 21263, Error, 400, 0, Caller, false, "A machine detection parameter of Calls does not exist on Participants.";
    21300, 21300, Error, 400, 0, Caller, false, "The BYOC trunk SID is not valid.";
    21301, 21301, Error, 400, 0, Caller, false, "There are too many applications.";
    // Numbers and applications.
    21401, 21401, Error, 400, 0, Caller, false, "The phone number is not valid.";
    21402, 21402, Error, 400, 0, Caller, false, "The URL is not valid.";
    21403, 21403, Error, 400, 0, Caller, false, "The method is not valid: GET or POST.";
    21404, 21404, Error, 400, 0, Caller, false, "A trial account cannot have this number.";
    21405, 21405, Error, 400, 0, Caller, false, "VoiceFallbackUrl was given without VoiceUrl.";
    21406, 21406, Error, 400, 0, Caller, false, "SmsFallbackUrl was given without SmsUrl.";
    21409, 21409, Error, 400, 0, Caller, false, "VoiceCallerIdLookup is not possible here.";
    21420, 21420, Error, 400, 0, Caller, false, "The application is not one of this account.";
    21421, 21421, Error, 400, 0, Caller, false, "PhoneNumber is not valid: E.164 with a leading plus is needed.";
    21422, 21422, Error, 400, 0, Caller, false, "PhoneNumber is not available.";
    21449, 21449, Error, 400, 0, Caller, false, "The caller ID may be used already.";
    21450, 21450, Error, 400, 0, Caller, false, "The caller ID is validated for this account already.";
    21451, 21451, Error, 400, 0, Caller, false, "AreaCode is not valid.";
    21452, 21452, Error, 400, 0, Caller, false, "No number is available in this area.";
    21453, 21453, Error, 400, 0, Caller, false, "The caller ID is validated for another account.";
    21454, 21454, Error, 400, 0, Caller, false, "CallDelay is not valid.";
    21456, 21456, Error, 400, 0, Caller, false, "The callback URL is not valid.";
    21457, 21457, Error, 400, 0, Caller, false, "AreaCode is not possible here.";
    21458, 21458, Error, 400, 0, Caller, false, "The number is of another type.";
    21470, 21474, Error, 400, 0, Caller, false, "The number cannot be moved to that account.";
    21475, 21475, Error, 400, 0, Caller, false, "The status of the account is not valid: active, suspended or closed.";
    21476, 21476, Error, 400, 0, Caller, false, "The status of the account cannot be changed: its main account is not active.";
    21477, 21477, Error, 400, 0, Caller, false, "The status of a main account cannot be changed here.";
    21478, 21478, Error, 400, 0, Caller, false, "The operator has suspended the account: only the operator wakes it.";
    21479, 21479, Error, 400, 0, Caller, false, "A closed account stays closed.";
    21480, 21480, Error, 400, 0, Caller, false, "There are too many subaccounts.";
    21481, 21481, Error, 400, 0, Caller, false, "PageToken is not valid.";
    21502, 21502, Error, 400, 0, Caller, false, "The callback URL is not valid.";
    21504, 21504, Error, 400, 0, Caller, false, "RecordingSid is missing.";
    21606, 21606, Error, 400, 0, Caller, false, "The From number cannot send messages.";
    31211, 31211, Error, 400, 0, Caller, true, "The call does not ring yet: a message to it is not possible.";
    // Media streams.
    31900, 31900, Error, 0, 0, App, true, "The stream failed for a reason that is not known.";
    31901, 31901, Error, 0, 0, App, true, "The stream's server did not accept the connection in time.";
    31902, 31902, Error, 0, 0, App, true, "The stream's server refused the connection.";
    31903, 31903, Error, 0, 0, App, true, "The connection to the stream's server broke.";
    31904, 31904, Error, 0, 0, App, true, "The stream's server cannot be reached.";
    31910, 31910, Error, 0, 0, App, false, "TLS with the stream's server failed.";
    31920, 31920, Error, 0, 0, App, false, "The stream's server did not answer the WebSocket handshake with 101.";
    31921, 31921, Error, 0, 0, App, true, "The stream's server closed the stream with an error.";
    31922, 31922, Error, 400, 0, App, false, "The scheme of the stream's URL must be wss.";
    31923, 31923, Error, 400, 0, App, false, "The stream's URL is not valid.";
    31924, 31924, Error, 0, 0, App, false, "The stream's server broke the WebSocket protocol.";
    31930, 31930, Warning, 0, 0, App, true, "The stream's server reads too slowly: audio to it was dropped.";
    31931, 31931, Warning, 0, 0, App, true, "The stream's server sends faster than it is played: audio was dropped.";
    31940, 31940, Error, 400, 0, App, false, "The connector of the stream is not known.";
    31941, 31941, Error, 400, 0, App, false, "The track of the stream is not valid.";
    31942, 31942, Error, 400, 0, App, false, "The connector of the stream is not configured.";
    31950, 31950, Warning, 0, 0, App, false, "The stream's server sent a message that cannot be decoded.";
    31951, 31951, Warning, 0, 0, App, false, "The stream's server sent a message that is not valid.";
    31952, 31952, Error, 0, 0, App, false, "The stream extension was not found.";
    31960, 31960, Error, 0, 0, App, true, "The call has as many streams as it may have.";
    // SIP.
    32001, 32001, Warning, 0, 503, Caller, true, "The trunk exceeded its calls per second.";
    32009, 32009, Error, 0, 480, Caller, true, "The SIP user is not registered.";
    32010, 32010, Error, 0, 404, Caller, false, "The trunk has no origination URL.";
    32011, 32011, Error, 0, 503, Carrier, true, "The SIP peer could not be reached or did not answer as it must.";
    32014, 32014, Warning, 0, 0, Carrier, true, "The call carried no audio.";
    32015, 32015, Warning, 0, 0, Caller, false, "The call reached its longest duration.";
    32016, 32016, Warning, 0, 408, Carrier, true, "The peer did not ring in time.";
    32017, 32017, Warning, 0, 603, Carrier, false, "The carrier blocked the call.";
    32018, 32018, Error, 400, 0, Caller, false, "Twiml is longer than 4,000 characters.";
    32019, 32019, Warning, 0, 0, Caller, false, "Both Url and Twiml were given; Twiml was left out.";
    32201, 32201, Error, 0, 403, Caller, false, "The source address is in no IP access control list.";
    32202, 32202, Error, 0, 403, Caller, false, "The SIP credentials are wrong.";
    32400, 32409, Error, 0, 503, Carrier, true, "The BYOC trunk failed.";
    32600, 32605, Error, 0, 0, App, true, "The virtual agent failed.";
    32702, 32702, Error, 400, 0, Caller, false, "The content of the user-defined message is not valid.";
    32703, 32703, Error, 400, 0, Caller, false, "The user-defined message is too long.";
    39001, 39001, Error, 0, 0, App, true, "The network connection to the WebSocket server failed.";
    64001, 64017, Error, 0, 0, App, false, "Pay failed.";
    64018, 64018, Error, 400, 0, Caller, false, "Pay: Capture or Status is missing.";
    64019, 64019, Error, 400, 0, Caller, false, "Pay: the payment is not complete.";
    64020, 64020, Error, 400, 0, Caller, false, "Pay: a value is not valid.";
    64021, 64021, Error, 400, 0, Caller, false, "Pay: the operation is not possible now.";
    64022, 64024, Error, 0, 0, App, false, "Pay failed.";
    64101, 64101, Error, 0, 0, App, false, "ConversationRelay: a parameter is not valid.";
    64102, 64102, Error, 0, 0, App, true, "ConversationRelay: the server cannot be reached.";
    64103, 64103, Error, 0, 0, App, true, "ConversationRelay failed.";
    64104, 64104, Error, 0, 0, App, false, "ConversationRelay: the longest duration was reached.";
    64105, 64105, Error, 0, 0, App, true, "ConversationRelay: the server ended the connection during the call.";
    64106, 64106, Error, 0, 0, App, true, "ConversationRelay failed.";
    64107, 64107, Error, 0, 0, App, false, "ConversationRelay: a message is not valid.";
    64108, 64108, Error, 0, 0, Carrier, true, "ConversationRelay: no RTP arrived.";
    64109, 64109, Error, 0, 0, Caller, true, "ConversationRelay: too many sessions at once.";
    64110, 64110, Error, 0, 0, App, true, "ConversationRelay failed.";
    64111, 64111, Warning, 0, 0, Carrier, true, "ConversationRelay: the speech provider failed; the session goes on.";
    64112, 64112, Warning, 0, 0, Carrier, true, "ConversationRelay: speech could not be converted; the session goes on.";
}
