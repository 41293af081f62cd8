// @ts-check
import assert from "node:assert/strict";
import { isNews, stillWorking, timeLeft } from "realtime/job-news.js";
import { StreamedText } from "rag/streamed-text.js";

const seen = { attempt: 2, progress: 40, ended: false };

Deno.test("a bar never goes backwards within an attempt", () => {
  assert.ok(isNews(seen, { attempt: 2, progress: 41 }));
  assert.ok(isNews(seen, { attempt: 2, progress: 40 }));
  assert.ok(!isNews(seen, { attempt: 2, progress: 39 }));
});

Deno.test("an older attempt says nothing any more, a newer one starts again", () => {
  assert.ok(!isNews(seen, { attempt: 1, progress: 90 }));
  assert.ok(!isNews(seen, { attempt: 1, progress: 90, terminal: true }));
  assert.ok(isNews(seen, { attempt: 3, progress: 0 }));
});

Deno.test("after the end of an attempt only a new one, or waiting for it, is news", () => {
  const ended = { ...seen, ended: true };
  assert.ok(!isNews(ended, { attempt: 2, progress: 99, status: "PROCESSING" }));
  assert.ok(!isNews(ended, { attempt: 2, progress: 40, terminal: true }));
  assert.ok(isNews(ended, { attempt: 2, progress: 40, status: "QUEUED" }));
  assert.ok(isNews(ended, { attempt: 3, progress: 0 }));
});

Deno.test("the end is news whatever its progress", () => {
  assert.ok(isNews(seen, { attempt: 2, progress: 0, terminal: true, status: "FAILED" }));
});

Deno.test("a question that waits again is news too", () => {
  const failed = { attempt: 2, progress: 70, ended: true };
  assert.ok(isNews(failed, { attempt: 2, stage: "QUEUED", progress: 0 }));
});

Deno.test("the time left is told after 3 s and 5 percent", () => {
  assert.equal(timeLeft(2_900, 0, 50), "");
  assert.equal(timeLeft(9_000, 0, 4), "");
  assert.equal(timeLeft(10_000, 0, 50), "about 10 s left");
  assert.equal(timeLeft(30_000, 0, 50), "about 30 s left");
  assert.equal(timeLeft(60_000, 0, 20), "about 4 min left");
  assert.equal(timeLeft(60_000, 0, 98), "seconds left");
  assert.equal(timeLeft(60_000, 0, 100), "");
});

Deno.test("the time left is told at the pace of the stage alone", () => {
  assert.equal(timeLeft(10_000, 25, 35), "about 1 min left");
  assert.equal(timeLeft(10_000, 25, 26), "");
});

Deno.test("silence is explained after 15 s", () => {
  assert.equal(stillWorking(14_999), "");
  assert.equal(stillWorking(21_000), "still working, last news 20 s ago");
  assert.equal(stillWorking(200_000), "still working, last news 3 min ago");
});

Deno.test("pieces add up, and one that comes twice does no harm", () => {
  const text = new StreamedText("Hel");
  assert.equal(text.put(3, "lo "), "lo ");
  assert.equal(text.put(3, "lo "), "");
  assert.equal(text.put(4, "o wor"), "wor");
  assert.equal(text.put(9, "ld"), "ld");
  assert.equal(text.text, "Hello world");
});

Deno.test("places are counted in code points, as Python counts", () => {
  const text = new StreamedText("𝔸 👩");
  assert.equal(text.length, 3);
  assert.equal(text.put(3, "𝔹"), "𝔹");
  assert.equal(text.put(2, "👩𝔹!"), "!");
  assert.equal(text.text, "𝔸 👩𝔹!");
});

Deno.test("a piece that says otherwise replaces the rest", () => {
  const text = new StreamedText("Hello world");
  assert.equal(text.put(6, "there"), null);
  assert.equal(text.text, "Hello there");
});

Deno.test("a missing piece is noticed", () => {
  assert.throws(() => new StreamedText("Hi").put(3, "!"), RangeError);
});
