// Finds ticket numbers, such as ABC-123, and code names of projects; the same as
// the one in C, which says what the config holds.
import { Text, classifier, find, strings } from "./sallyport";
export { sp_abi_1, sp_describe, sp_configure, sp_alloc, sp_classify } from "./sallyport";

const TICKET = 0;
const CODE_NAME = 1;

let projects: ArrayBuffer[] = [];
let codenames: ArrayBuffer[] = [];

classifier(
  '{"name":"tickets","version":"1.0.0","kinds":["TICKET","CODE_NAME"],"scores":[],' +
  '"independent":true,"config_schema":{"type":"object","properties":{' +
  '"projects":{"type":"array","items":{"type":"string"}},' +
  '"codenames":{"type":"array","items":{"type":"string"}}}}}',
  scan, configure);

function configure(config: string): bool {
  projects = strings(config, "projects").map<ArrayBuffer>((s) => String.UTF8.encode(s));
  codenames = strings(config, "codenames").map<ArrayBuffer>((s) => String.UTF8.encode(s));
  return true;
}

function scan(t: Text): void {
  for (let i = 0; i < t.length; i++) {
    if (!word(t[i]) || (i > 0 && word(t[i - 1]))) continue; // not the begin of a word
    let end = ticketAt(t, i);
    if (end) find(t, i, end, TICKET, projects.length ? 0.95 : 0.5);
    for (let n = 0; n < codenames.length; n++) {
      end = nameAt(t, i, codenames[n]);
      if (end) find(t, i, end, CODE_NAME, 0.9);
    }
  }
}

function upper(c: u8): bool { return c >= 0x41 && c <= 0x5a; }
function digit(c: u8): bool { return c >= 0x30 && c <= 0x39; }
function lower(c: u8): u8 { return upper(c) ? c + 32 : c; }

// Part of a word; all characters beyond ASCII are.
function word(c: u8): bool {
  return digit(c) || (lower(c) >= 0x61 && lower(c) <= 0x7a) || c == 0x5f || c >= 0x80;
}

// The end of a name at i, where a word ends as well; 0: it is not there.
function nameAt(t: Text, i: i32, name: ArrayBuffer): i32 {
  const n = name.byteLength;
  if (!n || n > t.length - i) return 0;
  for (let k = 0; k < n; k++) {
    if (lower(t[i + k]) != lower(load<u8>(changetype<usize>(name) + k))) return 0;
  }
  i += n;
  return i < t.length && word(t[i]) ? 0 : i;
}

// The end of a ticket number at i; 0: there is none.
function ticketAt(t: Text, i: i32): i32 {
  const key = i;
  while (i < t.length && i - key <= 10 && (upper(t[i]) || (i > key && digit(t[i])))) i++;
  if (i - key < 2 || i - key > 10 || i == t.length || t[i] != 0x2d) return 0;
  const number = i + 1;
  for (i = number; i < t.length && i - number <= 6 && digit(t[i]);) i++;
  if (i == number || i - number > 6 || (i < t.length && word(t[i]))) return 0;
  if (!projects.length) return i;
  for (let n = 0; n < projects.length; n++) {
    if (projects[n].byteLength == number - 1 - key && t.at(key, projects[n])) return i;
  }
  return 0;
}
