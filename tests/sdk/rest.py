"""Every resource by the official Python SDK: create, list, page, update, delete. Fails on the first surprise.

Without BASE the SDK is not told where to go: then the environment (a proxy and a CA file) brings it here.
"""

import os

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

env = os.environ
client = Client(env["ACCOUNT_SID"], env["AUTH_TOKEN"])
if "BASE" in env:
    client.api.base_url = env["BASE"]
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


def calls(number):
    twiml = "<Response><Say>Hello</Say></Response>"
    made = [client.calls.create(to="+15005550006", from_=number.phone_number, twiml=twiml) for _ in range(3)]
    assert made[0].status == "queued" and made[0].direction == "outbound-api"
    client.calls.create(
        to="sip:bob@example.com", from_="alice", url="https://example.com/v", method="GET", timeout=20, record=True,
        recording_channels="dual", status_callback="https://example.com/s",
        status_callback_event=["initiated", "ringing", "answered", "completed"], status_callback_method="POST",
        send_digits="12#w", sip_auth_username="u", sip_auth_password="p", time_limit=600,
    )
    paged(client.calls, "calls", 5)
    assert len(client.calls.list(status="queued")) == 4
    assert client.calls.list(start_time_after=made[0].date_created.replace(year=2099)) == []
    refused(13223, 400, lambda: client.calls.create(to="nonsense", from_=number.phone_number, twiml=twiml))
    refused(20001, 400, lambda: client.calls.create(
        to="+15005550006", from_=number.phone_number, twiml=twiml, machine_detection="Enable"))
    assert client.calls(made[0].sid).update(status="completed").status == "completed"
    refused(21220, 400, lambda: client.calls(made[0].sid).update(twiml=twiml))
    refused(20009, 409, lambda: client.calls(made[1].sid).delete())
    assert client.calls(made[0].sid).delete()
    refused(20404, 404, lambda: client.calls(made[0].sid).fetch())


def live_call():
    call = client.calls(env["LIVE_CALL"])
    assert call.update(twiml="<Response/>").sid == env["LIVE_CALL"]
    recording = call.recordings.create(recording_channels="dual", recording_status_callback_event=["completed"])
    assert recording.status == "in-progress" and recording.channels == 2
    running = call.recordings("Twilio.CURRENT")
    assert running.update(status="paused", pause_behavior="silence").status == "paused"
    assert running.update(status="in-progress").status == "in-progress"
    assert call.recordings(recording.sid).update(status="stopped").status == "stopped"
    paged(call.recordings, "call recordings", 1)
    assert call.recordings(recording.sid).fetch().sid == recording.sid
    assert call.recordings(recording.sid).delete()
    stream = call.streams.create(url="wss://example.com/s", name="ear", parameter1_name="a", parameter1_value="b")
    assert stream.status == "in-progress"
    assert call.streams("ear").update(status="stopped").status == "stopped"


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
calls(number)
live_call()
recordings()
notifications()
assert client.incoming_phone_numbers(number.sid).delete()
print("ok", len(done))
