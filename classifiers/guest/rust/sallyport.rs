//! Lets a Sallyport classifier be written in Rust. It hides the binary interface: a
//! classifier is a description and one function.
//!
//! ```ignore
//! mod sallyport;
//! use sallyport::{Report, Text};
//!
//! sallyport::classifier!(
//!     r#"{"name":"mine","version":"1.0.0","kinds":["CODE_WORD"],"scores":[]}"#,
//!     scan
//! );
//!
//! fn scan(t: &Text, r: &mut Report) {
//!     if let Some(i) = t.as_str().find("bluebird") {
//!         r.find(t, i, i + 8, 0, 0.9);
//!     }
//! }
//! ```
//!
//! Compiled with --crate-type cdylib --target wasm32-unknown-unknown it is a module.
//! Rust from 1.63 on will do, and nothing but the standard library is needed.
#![allow(dead_code)] // a classifier need not use all of it

use std::cell::UnsafeCell;

/// Roles of a text: who wrote it.
pub const SYSTEM: u16 = 0;
pub const USER: u16 = 1;
pub const ASSISTANT: u16 = 2;
pub const TOOL: u16 = 3;

/// Kinds of a text: what it is.
pub const TEXT: u16 = 0;
pub const TOOL_ARGUMENTS: u16 = 1;
pub const TOOL_RESULT: u16 = 2;
pub const TOOL_DEFINITION: u16 = 3;
pub const NAME: u16 = 4;

/// The message of a text that belongs to none.
pub const NO_MESSAGE: u32 = u32::MAX;

/// How many findings a report holds. The rest is dropped and the report says so.
pub const MAX_FINDINGS: u32 = 4096;

const REQUEST_MAGIC: u32 = 0x3151_5053; // "SPQ1"
const RESULT_MAGIC: u32 = 0x3152_5053; // "SPR1"
const BAD_REQUEST: i64 = -2;

/// One text of a request.
pub struct Text<'a> {
    /// UTF-8.
    pub bytes: &'a [u8],
    /// Of the text in the request.
    pub index: u32,
    /// Of the conversation, or NO_MESSAGE.
    pub message: u32,
    pub role: u16,
    pub kind: u16,
}

impl Text<'_> {
    /// The text; empty where it is no UTF-8, which the host never sends.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes).unwrap_or("")
    }
}

/// What a classifier says of a request.
#[derive(Default)]
pub struct Report {
    nfindings: u32,
    nscores: u32,
    truncated: bool,
    findings: Vec<u8>,
    scores: Vec<u8>,
}

impl Report {
    /// Reports bytes [start, end) of a text, on borders of characters. The score is
    /// the probability that they are what kind says, 0 to 1.
    pub fn find(&mut self, t: &Text, start: usize, end: usize, kind: u16, score: f32) {
        if self.nfindings == MAX_FINDINGS {
            self.truncated = true;
            return;
        }
        self.nfindings += 1;
        for v in [t.index, start as u32, end as u32, u32::from(kind), score.to_bits()] {
            self.findings.extend_from_slice(&v.to_le_bytes());
        }
    }

    /// Reports a score of the request, 0 to 1, once for each id.
    pub fn score(&mut self, id: u16, value: f32) {
        self.nscores += 1;
        for v in [u32::from(id), value.to_bits()] {
            self.scores.extend_from_slice(&v.to_le_bytes());
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        for v in [RESULT_MAGIC, u32::from(self.truncated), self.nscores, self.nfindings] {
            out.extend_from_slice(&v.to_le_bytes());
        }
        out.extend_from_slice(&self.scores);
        out.extend_from_slice(&self.findings);
    }
}

/// Reads one text. It is called for each text, in the order of the request.
pub type Scan = Box<dyn Fn(&Text, &mut Report)>;

/// Makes a function the module's classifier. The description is JSON, as sp_describe
/// returns it. With `configure = f` the function f gets the config of the block, a
/// JSON object, once, before any text, and returns a Result<Scan, i32>; an error,
/// other than 0, refuses it.
#[macro_export]
macro_rules! classifier {
    ($description:expr, configure = $configure:expr) => {
        #[no_mangle]
        pub extern "C" fn sp_describe() -> i64 {
            $crate::sallyport::packed($description.as_bytes())
        }
        #[no_mangle]
        pub extern "C" fn sp_configure(_: u32, len: u32) -> i32 {
            $crate::sallyport::set_up(len, $configure)
        }
    };
    ($description:expr, $scan:expr) => {
        $crate::classifier!($description, configure = |_| Ok(Box::new($scan)));
    };
}
pub use classifier;

/// What the host and the module hand each other.
struct Module {
    arena: Vec<u8>,
    scan: Option<Scan>,
    report: Report,
    result: Vec<u8>,
}

struct Global(UnsafeCell<Module>);

// A module has one thread.
unsafe impl Sync for Global {}

static MODULE: Global = Global(UnsafeCell::new(Module {
    arena: Vec::new(),
    scan: None,
    report: Report {
        nfindings: 0,
        nscores: 0,
        truncated: false,
        findings: Vec::new(),
        scores: Vec::new(),
    },
    result: Vec::new(),
}));

fn module() -> &'static mut Module {
    // The host makes one call at a time, and no exported function calls another.
    unsafe { &mut *MODULE.0.get() }
}

#[doc(hidden)]
pub fn packed(b: &[u8]) -> i64 {
    (b.as_ptr() as usize as i64) << 32 | b.len() as i64
}

#[doc(hidden)]
pub fn set_up(len: u32, configure: impl FnOnce(&str) -> Result<Scan, i32>) -> i32 {
    let m = module();
    let config = m.arena.get(..len as usize).and_then(|b| std::str::from_utf8(b).ok());
    match configure(config.unwrap_or("{}")) {
        Ok(scan) => {
            m.scan = Some(scan);
            0
        }
        Err(code) => code,
    }
}

#[no_mangle]
pub extern "C" fn sp_abi_1() -> i32 {
    0
}

#[no_mangle]
pub extern "C" fn sp_alloc(len: u32) -> u32 {
    let arena = &mut module().arena;
    arena.clear();
    if arena.try_reserve_exact(len.max(1) as usize).is_err() {
        return 0;
    }
    arena.resize(len as usize, 0);
    arena.as_ptr() as u32
}

// The request stands where sp_alloc has made room: the host writes nowhere else.
#[no_mangle]
pub extern "C" fn sp_classify(_: u32, len: u32) -> i64 {
    let m = module();
    let scan = match &m.scan {
        Some(scan) => scan,
        None => return BAD_REQUEST,
    };
    m.report.nfindings = 0;
    m.report.nscores = 0;
    m.report.truncated = false;
    m.report.findings.clear();
    m.report.scores.clear();
    if m.arena.get(..len as usize).and_then(|b| read(b, scan, &mut m.report)).is_none() {
        return BAD_REQUEST;
    }
    m.report.encode(&mut m.result);
    packed(&m.result)
}

fn read(request: &[u8], scan: &Scan, report: &mut Report) -> Option<()> {
    let head = request.get(..16)?;
    let n = word(head, 8) as usize;
    if word(head, 0) != REQUEST_MAGIC {
        return None;
    }
    let table = request.get(16..n.checked_mul(16)?.checked_add(16)?)?;
    let run = &request[16 + table.len()..];
    if run.len() != word(head, 12) as usize {
        return None;
    }
    for (i, s) in table.chunks_exact(16).enumerate() {
        let from = word(s, 0) as usize;
        let text = Text {
            bytes: run.get(from..from.checked_add(word(s, 4) as usize)?)?,
            index: i as u32,
            message: word(s, 12),
            role: word(s, 8) as u16,
            kind: (word(s, 8) >> 16) as u16,
        };
        scan(&text, report);
    }
    Some(())
}

fn word(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

/// The strings of a member of a JSON object: the strings of an array, or one string.
/// Whatever else it holds is left out.
pub fn strings(json: &str, name: &str) -> Vec<String> {
    let mut j = Json { b: json.as_bytes(), at: 0 };
    let mut out = Vec::new();
    if j.next() != b'{' {
        return out;
    }
    j.at += 1;
    while j.next() == b'"' {
        let key = j.text();
        j.next();
        j.at += 1; // the colon
        match j.next() {
            b'"' if key == name => out = vec![j.text()],
            b'[' if key == name => {
                out.clear();
                j.at += 1;
                loop {
                    match j.next() {
                        0 | b']' => break,
                        b'"' => out.push(j.text()),
                        _ => j.skip(),
                    }
                    if j.next() == b',' {
                        j.at += 1;
                    }
                }
                j.at += 1;
            }
            _ => j.skip(),
        }
        if j.next() == b',' {
            j.at += 1;
        }
    }
    out
}

/// A walk over JSON that the host has checked.
struct Json<'a> {
    b: &'a [u8],
    at: usize,
}

impl Json<'_> {
    /// The first byte that is no white space; 0 at the end.
    fn next(&mut self) -> u8 {
        while self.at < self.b.len() {
            if self.b[self.at] > b' ' {
                return self.b[self.at];
            }
            self.at += 1;
        }
        0
    }

    /// The next byte of a string; 0 at the end.
    fn take(&mut self) -> u8 {
        let c = self.b.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        c
    }

    /// Reads a string.
    fn text(&mut self) -> String {
        let mut out = Vec::new();
        self.at += 1;
        while self.at < self.b.len() {
            let c = self.take();
            if c == b'"' {
                break;
            }
            if c != b'\\' {
                out.push(c);
                continue;
            }
            match self.take() {
                b'b' => out.push(8),
                b'f' => out.push(12),
                b'n' => out.push(b'\n'),
                b'r' => out.push(b'\r'),
                b't' => out.push(b'\t'),
                b'u' => {
                    let mut r = self.hex();
                    if r >> 10 == 0xd800 >> 10 {
                        // the first half of a pair
                        self.at += 2;
                        r = 0x10000 + ((r & 0x3ff) << 10) + (self.hex() & 0x3ff);
                    }
                    let c = char::from_u32(r).unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                c => out.push(c),
            }
        }
        String::from_utf8(out).unwrap_or_default()
    }

    fn hex(&mut self) -> u32 {
        let mut r = 0;
        for _ in 0..4 {
            let c = u32::from(self.take());
            let c = if c > 0x39 { c + 9 } else { c }; // the low four bits of "A" and "a" are 1
            r = r << 4 | (c & 15);
        }
        r
    }

    /// Passes over a value.
    fn skip(&mut self) {
        let mut depth = 0;
        loop {
            match self.next() {
                0 => return,
                b'"' => {
                    self.text();
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                _ => {
                    self.at += 1;
                    // a number, true, false or null
                    while depth == 0 && !matches!(self.next(), 0 | b',' | b'}' | b']') {
                        self.at += 1;
                    }
                }
            }
            if depth <= 0 {
                return;
            }
        }
    }
}
