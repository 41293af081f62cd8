// @ts-check
/** Files on their way: a few at once, again when they got lost, later when the server asks for it. */

import assert from "node:assert/strict";
import { Later, SendQueue } from "documents/send-queue.js";
import { Problem } from "realtime/http.js";

/** A queue whose server and clock are the test's. */
function queueOf() {
  /** @type {{upload: any, answer: (value: any) => void, refuse: (problem: Problem) => void}[]} */
  const sent = [];
  /** @type {{go: () => void, milliseconds: number}[]} */
  const pauses = [];
  /** @type {string[]} */
  const said = [];
  const queue = new SendQueue({
    send: (upload) =>
      new Promise((answer, refuse) => {
        upload.abort = () => refuse(new Problem(-1, ""));
        sent.push({ upload, answer, refuse });
      }),
    paused: (words) => said.push(words),
    later: (go, milliseconds) => pauses.push({ go, milliseconds }),
  });
  return { queue, sent, pauses, said };
}

/** @param {string} name */
function upload(name) {
  /** @type {string[]} */
  const ends = [];
  const file = new File(["words"], name);
  return {
    ends,
    file,
    policy: /** @type {"ask"} */ ("ask"),
    taken: (/** @type {any} */ answer) => void ends.push(`taken ${answer}`),
    failed: (/** @type {Problem} */ { status }) => void ends.push(`failed ${status}`),
  };
}

const turn = () => new Promise((go) => setTimeout(go, 0));

Deno.test("only a few are sent at once, the rest in order", async () => {
  const { queue, sent } = queueOf();
  queue.add(...["a", "b", "c", "d", "e"].map(upload));
  assert.deepEqual(sent.map(({ upload }) => upload.file.name), ["a", "b", "c"]);
  sent[1].answer("yes");
  await turn();
  assert.deepEqual(sent.map(({ upload }) => upload.file.name), ["a", "b", "c", "d"]);
  assert.deepEqual(sent[1].upload.ends, ["taken yes"]);
  assert.deepEqual(queue.length, 4);
});

Deno.test("when the server has too much all wait as long as it says, and go on", async () => {
  const { queue, sent, pauses, said } = queueOf();
  queue.add(...["a", "b", "c", "d"].map(upload));
  sent[0].refuse(new Later(7, "2,000 of your documents wait."));
  sent[1].answer("yes");
  await turn();
  assert.deepEqual(sent.length, 3);
  assert.deepEqual(pauses.map(({ milliseconds }) => milliseconds), [7000]);
  assert.deepEqual(said, ["2,000 of your documents wait."]);
  pauses[0].go();
  assert.deepEqual(sent.slice(3).map(({ upload }) => upload.file.name), ["a", "d"]);
  assert.deepEqual(said.at(-1), "");
  assert.deepEqual(sent[3].upload.key, sent[0].upload.key);
});

Deno.test("what got lost is sent again under the same key, and not for ever", async () => {
  const { queue, sent, pauses } = queueOf();
  const one = upload("a");
  queue.add(one);
  for (let tries = 0; tries < 4; tries++) {
    sent.at(-1)?.refuse(new Problem(0, "lost"));
    await turn();
    pauses.splice(0).forEach(({ go }) => go());
  }
  assert.deepEqual(sent.length, 4);
  assert.deepEqual(new Set(sent.map(({ upload }) => upload.key)).size, 1);
  assert.deepEqual(one.ends, ["failed 0"]);
});

Deno.test("what is refused is not sent again", async () => {
  const { queue, sent } = queueOf();
  const one = upload("a");
  queue.add(one);
  sent[0].refuse(new Problem(422, "empty"));
  await turn();
  assert.deepEqual([sent.length, queue.length], [1, 0]);
  assert.deepEqual(one.ends, ["failed 422"]);
});

Deno.test("what is dropped is no longer sent, also while it is", async () => {
  const { queue, sent } = queueOf();
  const all = ["a", "b", "c", "d"].map(upload);
  queue.add(...all);
  queue.drop(({ file }) => file.name === "a" || file.name === "d");
  await turn();
  assert.deepEqual(all[0].ends, ["failed -1"]);
  sent[1].answer("");
  await turn();
  assert.deepEqual([sent.length, queue.length], [3, 1]);
});
