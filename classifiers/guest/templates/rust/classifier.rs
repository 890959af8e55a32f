mod sallyport;
use sallyport::{Report, Text};

sallyport::classifier!(
    r#"{"name":"{{name}}","version":"0.1.0","kinds":["CODE_WORD"],"scores":[]}"#,
    scan
);

/// Called for each text of a request.
fn scan(t: &Text, r: &mut Report) {
    for (i, word) in t.as_str().match_indices("bluebird") {
        r.find(t, i, i + word.len(), 0, 0.9);
    }
}
