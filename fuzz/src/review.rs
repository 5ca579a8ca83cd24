//! What must hold of the webhook's answers.

use std::cell::RefCell;

use ingress_cli::input::Manifests;
use ingress_core::compiler::Compiler;
use ingress_core::diagnostic::Diagnostics;
use ingress_core::lower::{ClassSelection, ControllerClass, Options, lower};
use ingress_core::model::{Ingress, Inputs, Object};
use ingress_core::object::Kind;
use ingress_kube::webhook::Rules;
use ingress_kube::webhook::review::{Review, Subject, Verdict, judge};
use serde::Deserialize;
use serde_json::Value;

/// What the cluster has, whatever is asked.
const CLUSTER: &str = include_str!("review/cluster.yaml");

/// The API server drops what is longer.
const MAX_WARNING: usize = 256;
const MAX_WARNINGS: usize = 4_096;
/// The most bytes of an answer, without what it repeats of the question.
const MAX_ANSWER: usize = 48 << 10;

/// What an answer repeats. What nobody asks for need not even be text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    api_version: String,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    uid: String,
}

/// A cluster that questions leave as it is.
struct Cluster {
    options: Options,
    inputs: Inputs,
    compiler: Compiler,
    findings: Diagnostics,
}

thread_local! {
    static THE_CLUSTER: RefCell<Cluster> = RefCell::new(Cluster::new());
}

/// The body of a question to the webhook.
pub fn review(bytes: &[u8]) {
    let review = match Review::read(bytes) {
        Ok(review) => review,
        Err(bad) => {
            let why = bad.to_string();
            assert!(!why.is_empty() && why.len() <= 512 + 4 * bytes.len(), "{why}");
            return;
        }
    };
    let question: Question = serde_json::from_slice(bytes).expect("it has been read");
    match &review.subject {
        Subject::Settled(verdict) => answered(&review, &question, verdict),
        Subject::Ingress(ingress) => THE_CLUSTER.with_borrow_mut(|cluster| {
            for hosts_belong_to_namespaces in [false, true] {
                let verdict = cluster.judge(ingress, Rules { hosts_belong_to_namespaces });
                answered(&review, &question, &verdict);
            }
        }),
    }
}

impl Cluster {
    fn new() -> Self {
        let mut options = Options::default();
        options.classes = ClassSelection::Controller(ControllerClass::default());
        let mut manifests = Manifests::default();
        manifests.read("cluster.yaml", CLUSTER.to_owned(), "shop");
        assert!(manifests.findings.is_empty(), "{:?}", manifests.findings);
        let mut inputs = manifests.inputs;
        inputs.set_complete(Kind::Secret);
        inputs.set_complete(Kind::ConfigMap);
        let mut compiler = Compiler::new(options.clone());
        let findings = compiler.compile(&inputs).diagnostics;
        Self { options, inputs, compiler, findings }
    }

    fn judge(&mut self, ingress: &Ingress, rules: Rules) -> Verdict {
        let trial = self.compiler.try_ingress(&mut self.inputs, ingress.clone());
        let verdict = judge(ingress, &trial, rules);
        if verdict.denied.is_none() && trial.is_ours {
            // What is allowed is served, and as the trial says.
            assert!(trial.is_claimed);
            let mut inputs = self.inputs.clone();
            inputs.insert(Object::Ingress(ingress.clone().into()));
            assert_eq!(lower(&inputs, &self.options).0, trial.snapshot.table());
        }
        let after = self.compiler.compile(&self.inputs);
        assert!(!after.is_new && after.diagnostics == self.findings, "the question has left a trace");
        verdict
    }
}

/// An answer is one to its question, in that version and no longer than anybody reads.
fn answered(review: &Review, question: &Question, verdict: &Verdict) {
    let text = review.answer(verdict);
    let answer: Value = serde_json::from_str(&text).expect("an answer is JSON");
    let (uid, response) = (Value::from(&*question.request.uid), &answer["response"]);
    assert_eq!(response["uid"], uid);
    assert_eq!(answer["apiVersion"], *question.api_version);
    assert_eq!(response["allowed"], verdict.denied.is_none());
    assert_eq!(response["status"].is_null(), verdict.denied.is_none());
    assert!(text.len() <= MAX_ANSWER + uid.to_string().len(), "{} bytes", text.len());
    let warnings = response["warnings"].as_array().map_or(&[][..], |warnings| warnings);
    let lengths = warnings.iter().map(|warning| warning.as_str().expect("a text").chars().count());
    assert!(lengths.clone().all(|length| length <= MAX_WARNING) && lengths.sum::<usize>() <= MAX_WARNINGS);
}
