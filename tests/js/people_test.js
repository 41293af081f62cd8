// @ts-check
/** Who is here, from what is told. */

import assert from "node:assert/strict";
import { few, initials, inWords, People } from "realtime/people.js";

/** @param {string} userId @param {string} action */
const activity = (userId, action = "viewing_document") => ({
  type: "user_activity",
  userId,
  username: `user ${userId}`,
  action,
  documentId: "d",
});

/** @param {...string} ids */
function here(...ids) {
  const people = new People();
  for (const id of ids) people.told(activity(id));
  return people;
}

/** @param {People} people */
const ids = (people) => people.all.map(({ userId }) => userId);

Deno.test("who comes and who leaves is news once", () => {
  const people = here("1", "2");
  assert.deepEqual(people.told(activity("2")), false);
  assert.deepEqual(people.told(activity("3")), true);
  assert.deepEqual(people.told(activity("1", "left_document")), true);
  assert.deepEqual(people.told(activity("1", "left_document")), false);
  assert.deepEqual(ids(people), ["2", "3"]);
});

Deno.test("a cut line changes nothing for those who are told again", () => {
  const people = here("1", "2");
  people.doubt();
  assert.deepEqual(ids(people), ["1", "2"]);
  assert.deepEqual(people.told(activity("1")), false);
  assert.deepEqual(people.told(activity("2")), false);
  assert.deepEqual(people.settle(), false);
  assert.deepEqual(ids(people), ["1", "2"]);
});

Deno.test("who left while the line was cut is gone once it is settled", () => {
  const people = here("1", "2");
  people.doubt();
  people.told(activity("2"));
  assert.deepEqual(people.settle(), true);
  assert.deepEqual(ids(people), ["2"]);
});

Deno.test("a name is one or two letters", () => {
  assert.deepEqual(["ann", "john_doe", "zoë.del.río", "ян", "7of9", "@", "𝒜b"].map(initials), [
    "A",
    "JD",
    "ZD",
    "Я",
    "7",
    "?",
    "𝒜",
  ]); // deno-fmt-ignore
});

Deno.test("the first few are shown and the rest is counted", () => {
  assert.deepEqual(few([1, 2], 5), { shown: [1, 2], more: 0 });
  assert.deepEqual(few([1, 2, 3, 4, 5, 6, 7, 8], 5), { shown: [1, 2, 3, 4, 5], more: 3 });
});

Deno.test("all are named in words", () => {
  assert.deepEqual(inWords(here("1", "2", "3").all), "user 1, user 2, and user 3");
});
