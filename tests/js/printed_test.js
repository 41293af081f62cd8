// @ts-check
import { Printed } from "mcp_install/printed.js";

/** @param {unknown} is @param {unknown} should */
function equal(is, should) {
  const [a, b] = [JSON.stringify(is), JSON.stringify(should)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

Deno.test("what was shown is not shown twice", () => {
  const printed = new Printed();
  equal(printed.add(0, "abc"), "abc");
  equal(printed.add(0, "abc"), "");
  equal(printed.add(1, "bcd"), "d");
  equal(printed.length, 4);
});

Deno.test("what comes before its time is left for the log", () => {
  const printed = new Printed();
  equal(printed.add(3, "def"), null);
  equal(printed.length, 0);
  equal(printed.addKept({ offset: 0, text: "abcdef", leftOut: 0 }), { leftOut: 0, text: "abcdef" });
  equal(printed.add(3, "def"), "");
  equal(printed.add(6, "g"), "g");
});

Deno.test("characters are counted as code points, and none is cut", () => {
  const printed = new Printed();
  equal(printed.add(0, "a😀"), "a😀");
  equal(printed.length, 2);
  equal(printed.add(1, "😀b"), "b");
});

Deno.test("what nobody kept is said, not waited for", () => {
  const printed = new Printed();
  printed.add(0, "ab");
  equal(printed.addKept({ offset: 12, text: "z", leftOut: 10 }), { leftOut: 10, text: "z" });
  equal(printed.add(13, "!"), "!");
});

Deno.test("any mixture of pieces ends in the same text", () => {
  const points = Array.from({ length: 200 }, (_, n) => ["a", "é", "😀", "\r", "\n"][n % 5]);
  for (let round = 0; round < 50; round++) {
    const printed = new Printed();
    let shown = "";
    const random = (/** @type {number} */ most) => Math.floor(Math.random() * most);
    while (printed.length < points.length) {
      const from = random(printed.length + 5);
      const fresh = printed.add(from, points.slice(from, from + 1 + random(30)).join(""));
      if (fresh === null) {
        const offset = printed.length;
        const text = points.slice(offset, offset + 1 + random(20)).join("");
        shown += printed.addKept({ offset, text, leftOut: 0 }).text;
      } else shown += fresh;
    }
    equal(shown, points.join(""));
  }
});
