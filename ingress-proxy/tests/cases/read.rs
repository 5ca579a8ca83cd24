//! Case files, as far as the wire needs them.

use std::path::{Path, PathBuf};

use clap::Parser;
use ingress_cli::commands::simulate::EngineArgs;
use ingress_cli::input::{Limits, parse};
use ingress_cli::question::Question;
use serde_json::{Map, Value};

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    engine: EngineArgs,
}

pub(crate) struct Case {
    pub(crate) file: String,
    pub(crate) engine: EngineArgs,
    pub(crate) questions: Vec<Question>,
    pub(crate) manifests: String,
}

/// All files below a folder.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).expect("the cases");
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|entry| if entry.is_dir() { files(&entry) } else { vec![entry] }).collect()
}

impl Case {
    pub(crate) fn read(path: &Path) -> Self {
        Self::of(&path.display().to_string(), &std::fs::read_to_string(path).expect("a case"))
    }

    /// A case by its text.
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let (head, manifests) = text.split_once("\n---\n").unwrap_or((text, ""));
        let stream = parse(head, &Limits::default());
        let head = stream.documents.first().expect("a case").to_json();
        let list = |key: &str| head.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let args = list("args").into_iter().map(|arg| arg.as_str().expect("an argument").to_owned());
        let args =
            Args::try_parse_from(std::iter::once("case".to_owned()).chain(args)).unwrap_or_else(|e| panic!("{e}"));
        let questions = list("requests").iter().map(|request| question(&request["request"])).collect();
        Self { file: file.to_owned(), engine: args.engine, questions, manifests: manifests.to_owned() }
    }
}

fn question(request: &Value) -> Question {
    let mut line = match request {
        Value::String(text) => {
            let (method, url) = text.split_once(' ').unwrap_or(("GET", text));
            Map::from_iter([("method".to_owned(), method.into()), ("url".to_owned(), url.into())])
        }
        other => other.as_object().expect("a request").clone(),
    };
    if line.remove("http2") == Some(Value::Bool(true)) {
        line.insert("version".to_owned(), "2".into());
    }
    Question::from_json(Value::Object(line)).expect("a request")
}

/// The same question of HTTP/2, unless it is about something that HTTP/1 alone has.
pub(crate) fn as_http2(question: &Question) -> Option<Question> {
    let mut line = question.given.as_object().expect("a request").clone();
    if line.get("version").is_none_or(|version| version == "1.1") {
        let is_of_http1 = ["absolute", "no_host", "target"].iter().any(|key| line.contains_key(*key));
        let headers = line.get("headers").and_then(Value::as_object);
        let mut names = headers.into_iter().flatten().map(|(name, _)| name.to_ascii_lowercase());
        if is_of_http1 || names.any(|name| ["host", "connection", "transfer-encoding", "upgrade"].contains(&&*name)) {
            return None;
        }
        line.insert("version".to_owned(), "2".into());
    }
    (line.get("version") == Some(&"2".into())).then(|| Question::from_json(line.into()).expect("a request"))
}
