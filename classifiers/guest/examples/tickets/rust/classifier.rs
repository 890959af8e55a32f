//! Finds ticket numbers, such as ABC-123, and code names of projects; the same as the
//! one in C, which says what the config holds.

mod sallyport;
use sallyport::{Report, Scan, Text};

sallyport::classifier!(
    r#"{"name":"tickets","version":"1.0.0","kinds":["TICKET","CODE_NAME"],"scores":[],
"independent":true,"config_schema":{"type":"object","properties":{
"projects":{"type":"array","items":{"type":"string"}},
"codenames":{"type":"array","items":{"type":"string"}}}}}"#,
    configure = configure
);

const TICKET: u16 = 0;
const CODE_NAME: u16 = 1;

fn configure(config: &str) -> Result<Scan, i32> {
    let projects = sallyport::strings(config, "projects");
    let codenames = sallyport::strings(config, "codenames");
    Ok(Box::new(move |t, r| scan(t, r, &projects, &codenames)))
}

fn scan(t: &Text, r: &mut Report, projects: &[String], codenames: &[String]) {
    let s = t.bytes;
    let sure = if projects.is_empty() { 0.5 } else { 0.95 };
    for i in 0..s.len() {
        if !word(s[i]) || i > 0 && word(s[i - 1]) {
            continue; // not the begin of a word
        }
        if let Some(end) = ticket_at(s, i, projects) {
            r.find(t, i, end, TICKET, sure);
        }
        for name in codenames {
            if let Some(end) = name_at(s, i, name.as_bytes()) {
                r.find(t, i, end, CODE_NAME, 0.9);
            }
        }
    }
}

/// Part of a word; all characters beyond ASCII are.
fn word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80
}

/// The end of a name at i, where a word ends as well.
fn name_at(s: &[u8], i: usize, name: &[u8]) -> Option<usize> {
    let end = i + name.len();
    let ends = end >= s.len() || !word(s[end]);
    (!name.is_empty() && s.get(i..end)?.eq_ignore_ascii_case(name) && ends).then(|| end)
}

/// The end of a ticket number at i.
fn ticket_at(s: &[u8], i: usize, projects: &[String]) -> Option<usize> {
    let key = count(&s[i..], 11, |k, c| c.is_ascii_uppercase() || k > 0 && c.is_ascii_digit());
    if !(2..=10).contains(&key) || s.get(i + key) != Some(&b'-') {
        return None;
    }
    let number = i + key + 1;
    let digits = count(&s[number..], 7, |_, c| c.is_ascii_digit());
    let end = number + digits;
    if !(1..=6).contains(&digits) || end < s.len() && word(s[end]) {
        return None;
    }
    let known = projects.is_empty() || projects.iter().any(|p| p.as_bytes() == &s[i..i + key]);
    known.then(|| end)
}

/// How many bytes at the begin of s are such, most at the most.
fn count(s: &[u8], most: usize, such: impl Fn(usize, u8) -> bool) -> usize {
    s.iter().take(most).enumerate().take_while(|&(k, &c)| such(k, c)).count()
}
