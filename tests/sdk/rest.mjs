// Every resource by the official Node SDK: create, list, page, update, delete. Fails on the first surprise.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const twilio = createRequire(`${process.env.SDK}/`)("twilio");
const env = process.env;
const connect = (...credentials) => {
  const client = twilio(...credentials);
  client.api.baseUrl = env.BASE;
  client.trunking.baseUrl = env.BASE;
  return client;
};
const client = connect(env.ACCOUNT_SID, env.AUTH_TOKEN);
let done = 0;

async function refused(code, status, work) {
  await assert.rejects(work, (e) => {
    assert.deepEqual([e.code, e.status], [code, status], String(e));
    return true;
  });
  done += 1;
}

// A list read at once and page by page is the same list.
async function paged(resource, least) {
  const whole = (await resource.list()).map((r) => r.sid);
  const steps = (await resource.list({ pageSize: 1 })).map((r) => r.sid);
  assert.deepEqual(steps, whole);
  assert.ok(whole.length >= least, `${whole.length} of ${least}`);
  assert.equal((await resource.list({ limit: 1 })).length, Math.min(1, whole.length));
  done += 1;
}

async function accounts() {
  const me = client.api.v2010.accounts(env.ACCOUNT_SID);
  assert.equal((await me.fetch()).status, "active");
  assert.equal((await me.update({ friendlyName: "Renamed by Node" })).friendlyName, "Renamed by Node");
  await paged(client.api.v2010.accounts, 1);
}

async function keys() {
  const made = [];
  for (const friendlyName of ["k0", "k1", "k2"]) made.push(await client.newKeys.create({ friendlyName }));
  await paged(client.keys, 3);
  const other = connect(made[0].sid, made[0].secret, { accountSid: env.ACCOUNT_SID });
  await other.calls.list({ limit: 1 });
  await refused(20003, 403, () => other.keys.list());
  assert.equal((await client.keys(made[0].sid).update({ friendlyName: "new" })).friendlyName, "new");
  for (const key of made) assert.ok(await client.keys(key.sid).remove());
  await refused(20003, 401, () => other.calls.list({ limit: 1 }));
  await refused(20404, 404, () => client.keys(made[0].sid).fetch());
}

async function applications() {
  const made = [];
  for (const friendlyName of ["b0", "b1", "b2"]) {
    made.push(await client.applications.create({ friendlyName, voiceUrl: "https://example.com/v" }));
  }
  await paged(client.applications, 3);
  assert.equal((await client.applications(made[0].sid).update({ voiceMethod: "GET" })).voiceMethod, "GET");
  assert.equal((await client.applications(made[0].sid).fetch()).voiceUrl, "https://example.com/v");
  for (const a of made) assert.ok(await client.applications(a.sid).remove());
}

async function numbers() {
  const list = client.incomingPhoneNumbers;
  const made = [];
  for (const n of [0, 1, 2]) made.push(await list.create({ phoneNumber: `+1500555004${n}` }));
  const typed = [
    await list.local.create({ phoneNumber: "+15005550050" }),
    await list.tollFree.create({ phoneNumber: "+18005550050" }),
    await list.mobile.create({ phoneNumber: "+447700900050" }),
  ];
  await paged(list, 6);
  await paged(list.local, 4);
  await paged(list.tollFree, 1);
  await paged(list.mobile, 1);
  await refused(21422, 400, () => list.create({ phoneNumber: "+15005550040" }));
  const changed = await list(made[0].sid).update({ voiceUrl: "https://example.com/v", voiceMethod: "GET" });
  assert.equal(changed.voiceMethod, "GET");
  assert.ok(changed.capabilities.voice);
  for (const n of [...made.slice(1), ...typed]) assert.ok(await list(n.sid).remove());
  return made[0];
}

// What is shown, once it is so.
async function until(what, so) {
  const end = Date.now() + 20000;
  let shown;
  while (Date.now() < end) {
    shown = await what();
    if (so(shown)) return shown;
  }
  throw new Error(`it stays ${JSON.stringify(shown)}`);
}

async function calls(number) {
  const twiml = "<Response><Pause length='600'/></Response>";
  const made = [];
  for (let n = 0; n < 3; n += 1) {
    made.push(await client.calls.create({ to: "+15005550006", from: number.phoneNumber, twiml }));
  }
  assert.equal(made[0].status, "queued");
  await client.calls.create({
    to: `${env.CALLEE}?X-a=b`,
    from: "alice",
    url: `${env.APP}/twiml`,
    record: true,
    statusCallback: `${env.APP}/status`,
    statusCallbackEvent: ["initiated", "completed"],
    sendDigits: "12#w",
  });
  await paged(client.calls, 5);
  assert.equal((await client.calls.list({ startTimeAfter: new Date("2099-01-01T00:00:00Z") })).length, 0);
  await refused(13223, 400, () => client.calls.create({ to: "nonsense", from: number.phoneNumber, twiml }));
  await refused(20001, 400, () =>
    client.calls.create({ to: "+15005550006", from: number.phoneNumber, twiml, machineDetection: "Enable" }));
  for (const call of made) await until(() => client.calls(call.sid).fetch(), (c) => c.status === "in-progress");
  assert.equal((await client.calls(made[0].sid).update({ status: "completed" })).sid, made[0].sid);
  const over = await until(() => client.calls(made[0].sid).fetch(), (c) => c.status === "completed");
  assert.match(over.duration, /^[0-9]+$/);
  await refused(21220, 400, () => client.calls(made[0].sid).update({ twiml }));
  await refused(20009, 409, () => client.calls(made[1].sid).remove());
  assert.ok(await client.calls(made[0].sid).remove());
  await refused(20404, 404, () => client.calls(made[0].sid).fetch());
}

// Elastic SIP Trunking, at another host name of Twilio's.
async function trunks(number) {
  const all = client.trunking.v1.trunks;
  const made = await Promise.all(["t0", "t1", "t2"].map((friendlyName) => all.create({ friendlyName })));
  await paged(all, 3);
  const trunk = all(made[0].sid);
  const wish = { domainName: "pbx.pstn.example.com", disasterRecoveryUrl: "https://example.com/dr", secure: false };
  assert.equal((await trunk.update({ ...wish, transferMode: "sip-only" })).transferMode, "sip-only");
  assert.ok((await trunk.fetch()).dateCreated.getFullYear() > 2000);
  await refused(21248, 400, () => all.create({ domainName: "pbx.pstn.example.com" }));
  const at = { weight: 10, priority: 1, enabled: true, friendlyName: "u", sipUrl: "sip:pbx.example.com" };
  // At once: none of them is lost.
  const urls = await Promise.all([1, 2, 3].map((weight) => trunk.originationUrls.create({ ...at, weight })));
  await paged(trunk.originationUrls, 3);
  const one = trunk.originationUrls(urls[0].sid);
  assert.equal((await one.update({ enabled: false })).enabled, false);
  assert.equal((await one.fetch()).sipUrl, "sip:pbx.example.com");
  assert.ok(await one.remove());
  await refused(20404, 404, () => one.fetch());
  assert.equal((await trunk.phoneNumbers.create({ phoneNumberSid: number.sid })).phoneNumber, number.phoneNumber);
  await paged(trunk.phoneNumbers, 1);
  assert.equal((await trunk.phoneNumbers(number.sid).fetch()).trunkSid, made[0].sid);
  assert.ok(await trunk.phoneNumbers(number.sid).remove());
  assert.equal((await client.incomingPhoneNumbers(number.sid).update({ trunkSid: made[0].sid })).trunkSid, made[0].sid);
  assert.equal((await trunk.recordings().update({ mode: "record-from-ringing" })).mode, "record-from-ringing");
  assert.equal((await trunk.recordings().fetch()).trim, "do-not-trim");
  const users = await client.sip.credentialLists.create({ friendlyName: "pbx-node" });
  const acl = await client.sip.ipAccessControlLists.create({ friendlyName: "office-node" });
  assert.equal((await trunk.credentialsLists.create({ credentialListSid: users.sid })).friendlyName, "pbx-node");
  await trunk.ipAccessControlLists.create({ ipAccessControlListSid: acl.sid });
  await paged(trunk.credentialsLists, 1);
  await paged(trunk.ipAccessControlLists, 1);
  assert.equal((await trunk.ipAccessControlLists(acl.sid).fetch()).trunkSid, made[0].sid);
  assert.ok(await trunk.credentialsLists(users.sid).remove());
  assert.ok(await trunk.ipAccessControlLists(acl.sid).remove());
  for (const t of made) assert.ok(await all(t.sid).remove());
  await refused(20404, 404, () => trunk.fetch());
}

async function liveCall() {
  const call = client.calls(env.LIVE_CALL);
  const twiml = "<Response><Pause length='600'/></Response>";
  assert.equal((await call.update({ twiml })).sid, env.LIVE_CALL);
  assert.equal((await call.update({ url: `${env.APP}/twiml` })).status, "in-progress");
  const recording = await call.recordings.create({ recordingChannels: "dual" });
  assert.equal(recording.channels, 2);
  const running = call.recordings("Twilio.CURRENT");
  assert.equal((await running.update({ status: "paused" })).status, "paused");
  assert.equal((await running.update({ status: "in-progress" })).status, "in-progress");
  const wish = { url: env.AGENT, name: "ear", "parameter1.name": "a", "parameter1.value": "b" };
  assert.equal((await call.streams.create(wish)).status, "in-progress");
  assert.equal((await call.streams("ear").update({ status: "stopped" })).status, "stopped");
  assert.equal((await call.recordings(recording.sid).update({ status: "stopped" })).status, "stopped");
  await paged(call.recordings, 1);
  await until(() => call.recordings(recording.sid).fetch(), (r) => ["completed", "absent"].includes(r.status));
  assert.ok(await call.recordings(recording.sid).remove());
  await call.update({ status: "completed" });
  await until(() => call.fetch(), (c) => c.status === "completed");
  await refused(21220, 400, () => call.recordings.create());
}

async function recordings() {
  await paged(client.recordings, 2);
  const one = await client.recordings(env.RECORDING).fetch();
  assert.equal(one.duration, "1");
  assert.equal((await client.recordings.list({ callSid: env.OVER_CALL })).length, 2);
  assert.ok(await client.recordings(one.sid).remove());
  await refused(20404, 404, () => client.recordings(one.sid).fetch());
}

async function notifications() {
  await paged(client.notifications, 2);
  await paged(client.calls(env.OVER_CALL).notifications, 1);
  const one = await client.notifications(env.NOTIFICATION).fetch();
  assert.equal(one.errorCode, "11200");
  assert.equal((await client.calls(env.OVER_CALL).notifications(one.sid).fetch()).log, "0");
}

await accounts();
await keys();
await applications();
const number = await numbers();
await trunks(number);
await calls(number);
await liveCall();
await recordings();
await notifications();
assert.ok(await client.incomingPhoneNumbers(number.sid).remove());
console.log("ok", done);
