// @ts-check
import assert from "node:assert/strict";
import { Growth } from "chat/growth.js";
import { daysAgo, wordsFor } from "chat/days.js";

/** @param {number} contentOffset @param {string} content @param {object} [more] */
const piece = (contentOffset, content, more = {}) => ({ contentOffset, content, ...more });

Deno.test("text without HTML is added once, however often it comes", () => {
  const growth = new Growth();
  assert.deepEqual(growth.add(piece(0, "Hel"), 0, 0), { text: "Hel" });
  assert.deepEqual(growth.add(piece(0, "Hel"), 1, 0), { text: "" });
  assert.deepEqual(growth.add(piece(2, "lo"), 1, 0), { text: "o" });
  assert.equal(growth.length, 4);
});

Deno.test("a page that holds more than an event says is left as it is", () => {
  const growth = new Growth(10);
  const late = piece(0, "Hello", { blocksFrom: 0, blocks: ["<p>Hello</p>"] });
  assert.deepEqual(growth.add(late, 1, 0), { text: "" });
});

Deno.test("a missing piece is noticed", () => {
  assert.equal(new Growth(3).add(piece(4, "x"), 1, 0), null);
});

Deno.test("lengths are counted in code points, as Python counts", () => {
  const growth = new Growth();
  growth.add(piece(0, "𝔸👩"), 0, 0);
  assert.equal(growth.length, 2);
  assert.deepEqual(growth.add(piece(1, "👩!"), 1, 0), { text: "!" });
});

Deno.test("HTML takes the place of what is shown, also for text that is there already", () => {
  const growth = new Growth();
  growth.add(piece(0, "*a*"), 0, 0);
  const rendered = piece(0, "*a*", { blocksFrom: 0, blocks: ["<p><em>a</em></p>"] });
  assert.deepEqual(growth.add(rendered, 1, 0), {
    blocks: ["<p><em>a</em></p>"],
    from: 0,
    text: "",
  });
});

Deno.test("blocks that do not follow on what is shown are not shown", () => {
  const growth = new Growth(5);
  assert.equal(growth.add(piece(5, "x", { blocksFrom: 3, blocks: ["<p>x</p>"] }), 2, 1), null);
});

Deno.test("a block that was continued as text and never came as HTML is noticed", () => {
  const growth = new Growth();
  growth.add(piece(0, "a", { blocksFrom: 0, blocks: ["<p>a</p>"] }), 0, 0);
  growth.add(piece(1, "bcd"), 1, 0); // too large to be sent as HTML
  const next = piece(4, "e", { blocksFrom: 1, blocks: ["<p>e</p>"] });
  assert.equal(growth.add(next, 1, 0), null);
  const all = piece(4, "e", { blocksFrom: 0, blocks: ["<p>abcd</p>", "<p>e</p>"] });
  assert.ok(growth.add(all, 1, 0)?.blocks);
  assert.ok(growth.add(piece(5, "f", { blocksFrom: 1, blocks: ["<p>ef</p>"] }), 2, 1)?.blocks);
});

Deno.test("pieces in any split, with repeats, give the text", () => {
  const text = [..."Grüße 👩‍🚀, and 𝔸 more words than fit into one piece"];
  for (let size = 1; size < 12; size++) {
    const growth = new Growth();
    let shown = "";
    for (let at = 0; at < text.length; at += size) {
      for (const from of [at, Math.max(0, at - size), at]) {
        const added = growth.add(piece(from, text.slice(from, at + size).join("")), 1, 0);
        shown += added?.text ?? "?";
      }
    }
    assert.equal(shown, text.join(""));
  }
});

Deno.test("days are counted by midnights, and said as people say them", () => {
  const now = new Date(2026, 2, 1, 0, 30);
  const words = (/** @type {Date} */ then) => wordsFor(daysAgo(then, now));
  assert.equal(words(new Date(2026, 2, 1, 0, 10)), "Today");
  assert.equal(words(new Date(2026, 2, 1, 9)), "Today"); // a clock that is ahead
  assert.equal(words(new Date(2026, 1, 28, 23, 59)), "Yesterday");
  assert.equal(words(new Date(2026, 1, 22)), "The last 7 days");
  assert.equal(words(new Date(2026, 1, 1)), "The last 30 days");
  assert.equal(words(new Date(2025, 6, 1)), "Earlier");
});
