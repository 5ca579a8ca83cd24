//! The answer, within what the API server passes on: a warning of 256 characters, and 4,096 characters of them in all.

use super::wire::Review;
use serde::Serialize;

/// The most characters of one warning.
const MAX_WARNING: usize = 256;

/// The most characters of all warnings; other webhooks have something to say too.
const MAX_WARNINGS: usize = 3_000;

/// The most characters of one reason to say no, and of all.
const MAX_REASON: usize = 1_000;
const MAX_REASONS: usize = 8_000;

/// What a refusal is called by, in the API's words.
pub(super) type Reason = (u16, &'static str);

/// The object is no good.
pub(super) const INVALID: Reason = (400, "BadRequest");

/// It is good, and somebody else's.
pub(super) const FORBIDDEN: Reason = (403, "Forbidden");

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// Why not, with a status and its name; none if it is allowed.
    pub denied: Option<(u16, &'static str, String)>,
    /// What whoever wrote the object gets to read.
    pub warnings: Vec<String>,
}

impl Verdict {
    pub(crate) fn allowed() -> Self {
        Self { denied: None, warnings: Vec::new() }
    }

    pub(super) fn denied((code, reason): Reason, message: String) -> Self {
        Self { denied: Some((code, reason, message)), warnings: Vec::new() }
    }

    /// Something is wrong with the object itself.
    pub(crate) fn invalid(message: &str) -> Self {
        let mut denials = Remarks::denials();
        denials.add(message.to_owned());
        denials.into_verdict(INVALID)
    }
}

/// Texts, as many as may be said, and how many more there are.
pub(super) struct Remarks {
    lines: Vec<String>,
    characters: usize,
    left_out: usize,
    max_line: usize,
    max: usize,
}

impl Remarks {
    pub(super) fn warnings() -> Self {
        Self { lines: Vec::new(), characters: 0, left_out: 0, max_line: MAX_WARNING, max: MAX_WARNINGS }
    }

    pub(super) fn denials() -> Self {
        Self { max_line: MAX_REASON, max: MAX_REASONS, ..Self::warnings() }
    }

    pub(super) fn add(&mut self, line: String) {
        let line = shortened(line, self.max_line);
        let characters = self.characters + line.chars().count();
        if self.lines.contains(&line) {
            return;
        }
        if characters > self.max {
            self.left_out += 1;
            return;
        }
        self.characters = characters;
        self.lines.push(line);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn into_lines(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.lines.push(format!("and {} more", self.left_out));
        }
        self.lines
    }

    pub(super) fn into_verdict(self, reason: Reason) -> Verdict {
        Verdict::denied(reason, self.into_lines().join("; "))
    }
}

/// At most so many characters, of which none could break a line or a header.
fn shortened(text: String, most: usize) -> String {
    let text = if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text };
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: &'a str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    message: &'a str,
    reason: &'a str,
    code: u16,
}

impl Review {
    /// The answer to it, in its own version.
    #[must_use]
    pub fn answer(&self, verdict: &Verdict) -> String {
        let Verdict { denied, warnings } = verdict;
        let status =
            denied.as_ref().map(|(code, reason, message)| Status { status: "Failure", message, reason, code: *code });
        let allowed = status.is_none();
        let response = Response { uid: &self.uid, allowed, status, warnings };
        let answer = Answer { api_version: self.version.api_version(), kind: "AdmissionReview", response };
        // Nothing of it is a map with keys that are no texts.
        serde_json::to_string(&answer).unwrap_or_default()
    }
}
