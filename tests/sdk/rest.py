"""Every resource by the official Python SDK: create, list, page, update, delete. Fails on the first surprise.

Without BASE the SDK is not told where to go: then the environment (a proxy and a CA file) brings it here.
"""

import io
import os
import time
import wave

import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

env = os.environ
client = Client(env["ACCOUNT_SID"], env["AUTH_TOKEN"])
if "BASE" in env:
    client.api.base_url = env["BASE"]
    client.trunking.base_url = env["BASE"]
done = []


def refused(code, status, work):
    try:
        work()
    except TwilioRestException as e:
        assert (e.code, e.status) == (code, status), e
        done.append(f"refused {code}")
        return
    raise AssertionError(f"{code} was expected")


def paged(resource, key, least):
    """A list read at once and page by page is the same list."""
    whole = [r.sid for r in resource.list()]
    steps = [r.sid for r in resource.stream(page_size=1)]
    assert whole == steps and len(whole) >= least, (key, whole, steps)
    assert [r.sid for r in resource.list(limit=1)] == whole[:1]
    done.append(f"list {key} {len(whole)}")


def accounts():
    me = client.api.v2010.accounts(env["ACCOUNT_SID"]).fetch()
    assert me.status == "active" and me.auth_token == env["AUTH_TOKEN"] and me.date_created.year > 2000
    assert me.update(friendly_name="Renamed").friendly_name == "Renamed"
    paged(client.api.v2010.accounts, "accounts", 1)


def keys():
    made = [client.new_keys.create(friendly_name=f"k{n}") for n in range(3)]
    paged(client.keys, "keys", 3)
    other = Client(made[0].sid, made[0].secret, env["ACCOUNT_SID"])
    if "BASE" in env:
        other.api.base_url = env["BASE"]
    other.calls.list(limit=1)
    refused(20003, 403, lambda: other.keys(made[0].sid).fetch())
    assert client.keys(made[0].sid).update(friendly_name="new").friendly_name == "new"
    for key in made:
        assert client.keys(key.sid).delete()
    refused(20003, 401, lambda: other.calls(env["LIVE_CALL"]).fetch())
    refused(20404, 404, lambda: client.keys(made[0].sid).fetch())


def applications():
    made = [client.applications.create(friendly_name=f"a{n}", voice_url="https://example.com/v") for n in range(3)]
    paged(client.applications, "applications", 3)
    one = client.applications(made[0].sid)
    assert one.update(voice_method="GET").voice_method == "GET" and one.fetch().voice_url == "https://example.com/v"
    assert len(client.applications.list(friendly_name="a1")) == 1
    assert all(client.applications(a.sid).delete() for a in made)


def numbers():
    made = [client.incoming_phone_numbers.create(phone_number=f"+1500555002{n}") for n in range(3)]
    local = client.incoming_phone_numbers.local.create(phone_number="+15005550030")
    free = client.incoming_phone_numbers.toll_free.create(phone_number="+18005550030")
    mobile = client.incoming_phone_numbers.mobile.create(phone_number="+447700900030")
    paged(client.incoming_phone_numbers, "numbers", 6)
    paged(client.incoming_phone_numbers.toll_free, "toll-free", 1)
    paged(client.incoming_phone_numbers.mobile, "mobile", 1)
    paged(client.incoming_phone_numbers.local, "local", 4)
    refused(21422, 400, lambda: client.incoming_phone_numbers.create(phone_number="+15005550020"))
    one = client.incoming_phone_numbers(made[0].sid)
    changed = one.update(voice_url="https://example.com/v", voice_method="GET", status_callback="https://example.com/s")
    assert changed.voice_url == "https://example.com/v" and changed.capabilities["voice"]
    assert len(client.incoming_phone_numbers.list(phone_number="5550020")) == 1
    for n in made[1:] + [local, free, mobile]:
        assert client.incoming_phone_numbers(n.sid).delete()
    return made[0]


def trunks(number):
    """Elastic SIP Trunking, at another host name of Twilio's."""
    made = [client.trunking.v1.trunks.create(friendly_name=f"t{n}") for n in range(3)]
    paged(client.trunking.v1.trunks, "trunks", 3)
    trunk = client.trunking.v1.trunks(made[0].sid)
    changed = trunk.update(
        domain_name="pbx.pstn.example.com", disaster_recovery_url="https://example.com/dr",
        disaster_recovery_method="GET", transfer_mode="enable-all", transfer_caller_id="from-transferor",
        secure=False, cnam_lookup_enabled=True)
    assert changed.domain_name == "pbx.pstn.example.com" and changed.date_created.year > 2000
    assert trunk.fetch().transfer_mode == "enable-all"
    refused(21248, 400, lambda: client.trunking.v1.trunks.create(domain_name="pbx.pstn.example.com"))
    urls = [trunk.origination_urls.create(
        weight=10, priority=n, enabled=True, friendly_name=f"u{n}", sip_url=f"sip:pbx{n}.example.com") for n in range(3)]
    paged(trunk.origination_urls, "origination urls", 3)
    one = trunk.origination_urls(urls[0].sid)
    assert one.update(enabled=False, weight=20).weight == 20 and one.fetch().enabled is False
    assert one.delete()
    refused(20404, 404, one.fetch)
    attached = trunk.phone_numbers.create(phone_number_sid=number.sid)
    assert attached.phone_number == number.phone_number and attached.capabilities["voice"]
    paged(trunk.phone_numbers, "trunk numbers", 1)
    assert trunk.phone_numbers(number.sid).fetch().trunk_sid == trunk.fetch().sid
    assert client.incoming_phone_numbers(number.sid).fetch().trunk_sid == made[0].sid
    assert trunk.phone_numbers(number.sid).delete()
    assert client.incoming_phone_numbers(number.sid).update(trunk_sid=made[0].sid).trunk_sid == made[0].sid
    recording = trunk.recordings().update(mode="record-from-answer-dual", trim="trim-silence")
    assert recording.mode == "record-from-answer-dual" and trunk.recordings().fetch().trim == "trim-silence"
    users = client.sip.credential_lists.create(friendly_name="pbx")
    addresses = client.sip.ip_access_control_lists.create(friendly_name="office")
    assert trunk.credentials_lists.create(credential_list_sid=users.sid).friendly_name == "pbx"
    assert trunk.ip_access_control_lists.create(ip_access_control_list_sid=addresses.sid).trunk_sid == made[0].sid
    paged(trunk.credentials_lists, "trunk credential lists", 1)
    paged(trunk.ip_access_control_lists, "trunk ip lists", 1)
    assert trunk.credentials_lists(users.sid).fetch().sid == users.sid
    assert trunk.fetch().auth_type_set == ["IP_ACL", "CREDENTIAL_LIST"]
    assert trunk.credentials_lists(users.sid).delete() and trunk.ip_access_control_lists(addresses.sid).delete()
    assert all(client.trunking.v1.trunks(t.sid).delete() for t in made)
    refused(20404, 404, trunk.fetch)


def until(what, so):
    """What is shown, once it is so."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        shown = what()
        if so(shown):
            return shown
    raise AssertionError(f"it stays {shown.__dict__}")


def calls(number):
    twiml = "<Response><Pause length='600'/></Response>"
    made = [client.calls.create(to="+15005550006", from_=number.phone_number, twiml=twiml) for _ in range(3)]
    assert made[0].status == "queued" and made[0].direction == "outbound-api"
    client.calls.create(
        to=env["CALLEE"] + "?X-a=b", from_="alice", url=env["APP"] + "/twiml", method="GET", timeout=20, record=True,
        recording_channels="dual", status_callback=env["APP"] + "/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"], status_callback_method="POST",
        send_digits="12#w", sip_auth_username="u", sip_auth_password="p", time_limit=600,
    )
    paged(client.calls, "calls", 5)
    assert len(client.calls.list(status="queued", to="+447700900999")) == 0
    assert client.calls.list(start_time_after=made[0].date_created.replace(year=2099)) == []
    refused(13223, 400, lambda: client.calls.create(to="nonsense", from_=number.phone_number, twiml=twiml))
    refused(20001, 400, lambda: client.calls.create(
        to="+15005550006", from_=number.phone_number, twiml=twiml, machine_detection="Enable"))
    for call in made:
        until(client.calls(call.sid).fetch, lambda c: c.status == "in-progress")
    assert client.calls(made[0].sid).update(status="completed").sid == made[0].sid
    over = until(client.calls(made[0].sid).fetch, lambda c: c.status == "completed")
    assert over.duration.isdigit() and over.end_time >= over.start_time and over.price is None
    assert any(c.sid == made[0].sid for c in client.calls.list(status="completed"))
    refused(21220, 400, lambda: client.calls(made[0].sid).update(twiml=twiml))
    refused(20009, 409, lambda: client.calls(made[1].sid).delete())
    assert client.calls(made[0].sid).delete()
    refused(20404, 404, lambda: client.calls(made[0].sid).fetch())


def live_call():
    call = client.calls(env["LIVE_CALL"])
    assert call.fetch().status == "in-progress"
    assert call.update(twiml="<Response><Pause length='600'/></Response>").sid == env["LIVE_CALL"]
    assert call.update(url=env["APP"] + "/twiml", method="POST").status == "in-progress"
    recording = call.recordings.create(recording_channels="dual", recording_status_callback_event=["completed"])
    assert recording.status == "in-progress" and recording.channels == 2
    running = call.recordings("Twilio.CURRENT")
    assert running.update(status="paused", pause_behavior="silence").status == "paused"
    assert running.update(status="in-progress").status == "in-progress"
    begun = time.monotonic()
    stream = call.streams.create(url=env["AGENT"], name="ear", parameter1_name="a", parameter1_value="b")
    assert stream.status == "in-progress"
    assert call.streams("ear").update(status="stopped").status == "stopped"
    until(call.fetch, lambda _: time.monotonic() > begun + 1)
    assert call.recordings(recording.sid).update(status="stopped").status == "stopped"
    done = until(call.recordings(recording.sid).fetch, lambda r: r.status == "completed")
    assert int(done.duration) >= 1
    paged(call.recordings, "call recordings", 1)
    heard(client.recordings(recording.sid).fetch().media_url, 2)
    assert call.recordings(recording.sid).delete()
    refused(20404, 404, lambda: call.recordings(recording.sid).fetch())
    assert call.update(status="completed").sid == env["LIVE_CALL"]
    until(call.fetch, lambda c: c.status == "completed")
    refused(21220, 400, lambda: call.recordings.create())


def heard(url, channels):
    """The audio behind a media URL opens as WAV and is not silent."""
    if "BASE" not in env:
        url = "https://api.twilio.com" + url[url.index("/2010"):]
    reply = client.request("GET", url + ".wav")
    assert reply.status_code == 200, reply.status_code
    raw = requests.get(url + ".wav", auth=(env["ACCOUNT_SID"], env["AUTH_TOKEN"]))
    with wave.open(io.BytesIO(raw.content)) as w:
        assert (w.getnchannels(), w.getframerate(), w.getsampwidth()) == (channels, 8000, 2)
        assert w.getnframes() >= 8000 and len(set(w.readframes(w.getnframes()))) > 4
    done.append("audio")


def recordings():
    paged(client.recordings, "recordings", 2)
    one = client.recordings(env["RECORDING"]).fetch()
    assert one.duration == "1" and one.media_url.endswith(one.sid)
    assert len(client.recordings.list(call_sid=env["OVER_CALL"])) == 2
    assert client.recordings(one.sid).delete()
    refused(20404, 404, lambda: client.recordings(one.sid).fetch())


def notifications():
    paged(client.notifications, "notifications", 2)
    paged(client.calls(env["OVER_CALL"]).notifications, "call notifications", 1)
    one = client.notifications(env["NOTIFICATION"]).fetch()
    assert one.error_code == "11200" and one.more_info.endswith("/11200")
    assert client.calls(env["OVER_CALL"]).notifications(one.sid).fetch().log == "0"
    assert len(client.notifications.list(log=1)) == 1


accounts()
keys()
applications()
number = numbers()
trunks(number)
calls(number)
live_call()
recordings()
notifications()
assert client.incoming_phone_numbers(number.sid).delete()
print("ok", len(done))
