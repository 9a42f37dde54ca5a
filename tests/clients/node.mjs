// Two popular Node clients against Muster: sign-in by certificate and by password, typed replies, errors, pipelines.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Redis from "ioredis";
import { createClient } from "redis";

const [port, data] = process.argv.slice(2);
const pem = (name) => readFileSync(`${data}/${name}`);
const tls = { ca: pem("ca.pem"), cert: pem("admin.pem"), key: pem("admin.key"), host: "127.0.0.1" };
setTimeout(() => { console.error("timed out"); process.exit(1); }, 60000).unref();

for (const RESP of [2, 3]) {
  const client = createClient({ RESP, socket: { host: "127.0.0.1", port: Number(port), tls: true, ...tls, reconnectStrategy: false } });
  client.on("error", (error) => { throw error; });
  await client.connect();
  assert.equal(await client.sendCommand(["echo.say", "text=你好"]), "你好");
  const id = await client.sendCommand(["notes.add", "text=from node"]);
  assert.equal(typeof id, "number");
  const [row] = await client.sendCommand(["notes.list", `after=${id - 1}`, "limit=1"]);
  const text = Array.isArray(row) ? row[row.indexOf("text") + 1] : row instanceof Map ? row.get("text") : row.text;
  assert.equal(text, "from node");
  assert.equal(Array.isArray(row), RESP === 2, "maps are maps in RESP3 and flat in RESP2");
  await assert.rejects(client.sendCommand(["notes.delete", "id=99999"]), /^.*NOTFOUND /);
  const replies = await Promise.all(Array.from({ length: 500 }, (_, i) => client.sendCommand(i % 2 ? ["echo.say", `${i}`] : ["notes.count"])));
  replies.forEach((reply, i) => i % 2 && assert.equal(reply, `${i}`));
  if (RESP === 2) {
    await client.sendCommand(["user.add", "name=node", "methods=password"]);
    await client.sendCommand(["user.password", "name=node", "password=correct-horse-9"]);
    await client.sendCommand(["role.define", "name=noder", 'grants=["notes.*"]']);
    await client.sendCommand(["role.grant", "user=node", "role=noder"]);
  }
  await client.close();

  const signed = createClient({ RESP, username: "node", password: "correct-horse-9",
    socket: { host: "127.0.0.1", port: Number(port), tls: true, ca: tls.ca, reconnectStrategy: false } });
  signed.on("error", () => {});
  await signed.connect();
  assert.equal(typeof (await signed.sendCommand(["notes.count"])), "number");
  await assert.rejects(signed.sendCommand(["audit.tail"]), /NOPERM/);
  await signed.close();
}

const io = new Redis({ host: "127.0.0.1", port: Number(port), tls, retryStrategy: () => null });
assert.equal(await io.call("echo.say", "text=hello"), "hello");
const id = await io.call("notes.add", "text=from ioredis", "idem=ioredis-1");
assert.equal(await io.call("notes.add", "text=from ioredis", "idem=ioredis-1"), id, "a repeated idem gives the first reply");
await assert.rejects(io.call("notes.add", "text=other", "idem=ioredis-1"), /^ReplyError: DUP /);
const pipeline = io.pipeline();
for (let i = 0; i < 500; i++) pipeline.call("echo.say", `${i}`);
(await pipeline.exec()).forEach(([error, reply], i) => { assert.equal(error, null); assert.equal(reply, `${i}`); });
assert.match(await io.info(), /# Server/);
await io.quit();
console.log("node-redis (RESP2, RESP3) and ioredis agree");
