// Lets a Sallyport classifier be written in AssemblyScript. It hides the binary
// interface: a classifier is a description and one function.
//
//   import { Text, classifier, find } from "./sallyport";
//   export { sp_abi_1, sp_describe, sp_configure, sp_alloc, sp_classify } from "./sallyport";
//
//   const word = String.UTF8.encode("bluebird");
//   classifier('{"name":"mine","version":"1.0.0","kinds":["CODE_WORD"],"scores":[]}', (t: Text): void => {
//     for (let i = 0; i < t.length; i++) {
//       if (t.at(i, word)) find(t, i, i + word.byteLength, 0, 0.9);
//     }
//   });
//
// Built with `asc classifier.ts -O3 --runtime minimal --use abort=` it is a module.
// What a function allocates is collected after each call.

/** Who wrote a text. */
export const enum Role { System, User, Assistant, Tool }

/** What a text is. */
export const enum Kind { Text, ToolArguments, ToolResult, ToolDefinition, Name }

/** The message of a text that belongs to none. */
export const NO_MESSAGE: u32 = 0xffffffff;

/** How many findings a result holds. The rest is dropped and the result says so. */
export const MAX_FINDINGS: i32 = 4096;
const MAX_SCORES: i32 = 32;

const REQUEST_MAGIC: u32 = 0x31515053; // "SPQ1"
const RESULT_MAGIC: u32 = 0x31525053; // "SPR1"
const NO_MEMORY: i64 = -1;
const BAD_REQUEST: i64 = -2;

/** One text of a request: bytes of UTF-8. It holds until the function returns. */
export class Text {
  /** Where its bytes stand in memory, for load<u8>, v128.load and the like. */
  ptr: usize = 0;
  length: i32 = 0;
  /** Of the text in the request. */
  index: u32 = 0;
  /** Of the conversation, or NO_MESSAGE. */
  message: u32 = NO_MESSAGE;
  role: u16 = 0;
  kind: u16 = 0;

  /** Byte i. */
  @inline @operator("[]") get(i: i32): u8 {
    assert(<u32>i < <u32>this.length);
    return load<u8>(this.ptr + i);
  }

  /** Has the text these bytes at i? String.UTF8.encode makes bytes of a string. */
  @inline at(i: i32, bytes: ArrayBuffer): bool {
    const n = bytes.byteLength;
    const p = changetype<usize>(bytes);
    return <u32>i <= <u32>this.length && n <= this.length - i &&
      (n == 0 || (load<u8>(this.ptr + i) == load<u8>(p) && memory.compare(this.ptr + i, p, n) == 0));
  }

  /** The text as a string. Its positions are not bytes, as findings need them. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.ptr, this.length);
  }
}

let description: ArrayBuffer = new ArrayBuffer(0);
let scan: (t: Text) => void = (t: Text): void => {};
let configure: (config: string) => bool = (config: string): bool => true;
const text = new Text();

const scores: usize = heap.alloc(MAX_SCORES * 8);
const findings: usize = heap.alloc(MAX_FINDINGS * 20);
const result: usize = heap.alloc(16 + MAX_SCORES * 8 + MAX_FINDINGS * 20);
let nscores: i32 = 0;
let nfindings: i32 = 0;
let truncated: u32 = 0;

/**
 * Makes a function the module's classifier; called once, at the top of the file.
 * It is given each text, in the order of the request. The description is JSON, as
 * sp_describe returns it. The second function gets the config of the block, a JSON
 * object, once, before any text; false refuses it.
 */
export function classifier(json: string, each: (t: Text) => void, config: (config: string) => bool = configure): void {
  description = String.UTF8.encode(json);
  scan = each;
  configure = config;
}

/** Reports bytes [start, end) of a text, on borders of characters. The score is the
 * probability that they are what kind says, 0 to 1. */
export function find(t: Text, start: i32, end: i32, kind: i32, score: f32): void {
  if (nfindings == MAX_FINDINGS) {
    truncated = 1;
    return;
  }
  const p = findings + 20 * nfindings++;
  store<u32>(p, t.index);
  store<i32>(p, start, 4);
  store<i32>(p, end, 8);
  store<u32>(p, <u16>kind, 12);
  store<f32>(p, score, 16);
}

/** Reports a score of the request, 0 to 1, once for each id. */
export function score(id: i32, value: f32): void {
  if (nscores == MAX_SCORES) return;
  const p = scores + 8 * nscores++;
  store<u32>(p, <u16>id);
  store<f32>(p, value, 4);
}

// The host's input, in pages of its own.
let arena: usize = 0;
let arenaEnd: usize = 0;

export function sp_abi_1(): i32 {
  return 0;
}

export function sp_describe(): i64 {
  return packed(changetype<usize>(description), description.byteLength);
}

export function sp_alloc(length: i32): usize {
  const n = <u64>(<u32>length);
  if (arena && <u64>arena + n <= <u64>arenaEnd) return arena;
  const end = <usize>memory.size() << 16;
  if (arenaEnd != end) arena = arenaEnd = end; // the heap has grown behind it
  if (memory.grow(<i32>((<u64>arena + n - arenaEnd + 0xffff) >> 16)) < 0) return 0;
  arenaEnd = <usize>memory.size() << 16;
  return arena;
}

export function sp_configure(p: usize, length: i32): i32 {
  return configure(String.UTF8.decodeUnsafe(p, length)) ? 0 : 1;
}

export function sp_classify(p: usize, length: u32): i64 {
  if (length < 16 || load<u32>(p) != REQUEST_MAGIC) return BAD_REQUEST;
  const n = load<u32>(p, 8);
  const bytes = load<u32>(p, 12);
  if (16 + 16 * <u64>n + bytes != length) return BAD_REQUEST;
  nscores = 0;
  nfindings = 0;
  truncated = 0;
  const run = p + 16 + 16 * <usize>n;
  for (let i: u32 = 0, s = p + 16; i < n; i++, s += 16) {
    const from = load<u32>(s);
    const size = load<u32>(s, 4);
    if (<u64>from + size > bytes) return BAD_REQUEST;
    text.ptr = run + from;
    text.length = size;
    text.index = i;
    text.role = load<u16>(s, 8);
    text.kind = load<u16>(s, 10);
    text.message = load<u32>(s, 12);
    scan(text);
  }
  __collect();
  store<u32>(result, RESULT_MAGIC);
  store<u32>(result, truncated, 4);
  store<u32>(result, nscores, 8);
  store<u32>(result, nfindings, 12);
  memory.copy(result + 16, scores, 8 * nscores);
  memory.copy(result + 16 + 8 * nscores, findings, 20 * nfindings);
  return packed(result, 16 + 8 * nscores + 20 * nfindings);
}

function packed(p: usize, length: i32): i64 {
  return (<i64>p << 32) | <i64>length;
}

/**
 * The strings of a member of a JSON object: the strings of an array, or one
 * string. Whatever else it holds is left out.
 */
export function strings(json: string, name: string): string[] {
  return new Json(json).strings(name);
}

// A walk over JSON that the host has checked.
class Json {
  at: i32 = 0;

  constructor(private s: string) {}

  // The first character that is no white space; 0 at the end.
  next(): i32 {
    while (this.at < this.s.length) {
      const c = this.s.charCodeAt(this.at);
      if (c > 32) return c;
      this.at++;
    }
    return 0;
  }

  // The next character of a string; 0 at the end.
  take(): i32 {
    return this.at < this.s.length ? this.s.charCodeAt(this.at++) : 0;
  }

  strings(name: string): string[] {
    let out: string[] = [];
    if (this.next() != 0x7b) return out; // {
    this.at++;
    while (this.next() == 0x22) {
      const key = this.text();
      this.next();
      this.at++; // the colon
      const c = this.next();
      if (key == name && c == 0x22) {
        out = [this.text()];
      } else if (key == name && c == 0x5b) { // [
        out = [];
        this.at++;
        for (let c = this.next(); c != 0x5d && c != 0; c = this.next()) {
          if (c == 0x22) out.push(this.text());
          else this.skip();
          if (this.next() == 0x2c) this.at++;
        }
        this.at++;
      } else {
        this.skip();
      }
      if (this.next() == 0x2c) this.at++;
    }
    return out;
  }

  // Reads a string.
  text(): string {
    let out = "";
    this.at++;
    while (this.at < this.s.length) {
      let c = this.take();
      if (c == 0x22) break;
      if (c == 0x5c) {
        c = this.take();
        if (c == 0x62) c = 8; // b
        else if (c == 0x66) c = 12; // f
        else if (c == 0x6e) c = 10; // n
        else if (c == 0x72) c = 13; // r
        else if (c == 0x74) c = 9; // t
        else if (c == 0x75) c = this.hex(); // u
      }
      out += String.fromCharCode(c);
    }
    return out;
  }

  hex(): i32 {
    let r = 0;
    for (let i = 0; i < 4; i++) {
      let c = this.take();
      if (c > 0x39) c += 9; // the low four bits of "A" and "a" are 1
      r = (r << 4) | (c & 15);
    }
    return r;
  }

  // Passes over a value.
  skip(): void {
    let depth = 0;
    do {
      const c = this.next();
      if (c == 0) return;
      if (c == 0x22) {
        this.text();
        continue;
      }
      this.at++;
      if (c == 0x7b || c == 0x5b) depth++;
      else if (c == 0x7d || c == 0x5d) depth--;
      else if (depth == 0) { // a number, true, false or null
        for (let c = this.next(); c != 0 && c != 0x2c && c != 0x7d && c != 0x5d; c = this.next()) this.at++;
      }
    } while (depth > 0);
  }
}
