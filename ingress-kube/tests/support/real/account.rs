//! A service account with exactly the rights that it is given, and a kubeconfig for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use kube::config::{AuthInfo, Kubeconfig};
use serde_json::{Value, json};

use super::{PATIENCE, Server};

pub struct Account<'a> {
    server: &'a Server,
    namespace: String,
    name: String,
    kubeconfig: PathBuf,
    /// What it may do everywhere.
    rules: Mutex<Vec<Value>>,
}

impl<'a> Account<'a> {
    /// An account that may do nothing yet.
    pub fn new(server: &'a Server, namespace: &str, name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let admin = server.admin();
        admin.apply(json!({"kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}));
        let token = admin.token(namespace, name, Duration::from_secs(24 * 3_600));
        let mut config = Kubeconfig::read_from(admin.kubeconfig()).expect("a kubeconfig");
        for user in &mut config.auth_infos {
            user.auth_info = Some(AuthInfo { token: Some(token.clone().into()), ..AuthInfo::default() });
        }
        // The token is a secret, which is not written out by itself.
        let mut text = serde_json::to_value(&config).expect("a kubeconfig");
        for user in text["users"].as_array_mut().expect("users") {
            user["user"] = json!({"token": token});
        }
        let kubeconfig = std::env::temp_dir().join(format!("ingress-kube-{}-{number}.kubeconfig", std::process::id()));
        fs::write(&kubeconfig, text.to_string()).expect("a file");
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Self { server, namespace, name, kubeconfig, rules: Mutex::default() }
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// As the audit log names it.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// Gives it these rights everywhere, in place of those that it had. The server knows when this returns.
    pub fn may(&self, rules: Vec<Value>) {
        let name = format!("{}-{}", self.namespace, self.name);
        self.give("ClusterRole", "ClusterRoleBinding", json!({"name": name}), rules.clone());
        let before = std::mem::replace(&mut *self.rules.lock().unwrap(), rules.clone());
        let deadline = Instant::now() + PATIENCE;
        for (rule, is_allowed) in rules.iter().map(|rule| (rule, true)).chain(before.iter().map(|rule| (rule, false))) {
            while (is_allowed || !rules.contains(rule)) && self.can(rule) != is_allowed {
                assert!(Instant::now() < deadline, "{rule} never counts");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Whether it may do the first thing that a rule allows.
    fn can(&self, rule: &Value) -> bool {
        let attributes = json!({"group": rule["apiGroups"][0], "resource": rule["resources"][0],
                                "verb": rule["verbs"][0], "name": rule["resourceNames"][0]});
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                            "spec": {"user": self.user(), "resourceAttributes": attributes}});
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let answer = self.server.admin().ask(Method::POST, path, "application/json", Some(review)).expect("an answer");
        answer["status"]["allowed"] == true
    }

    /// The same in one namespace.
    pub fn may_in(&self, namespace: &str, rules: Vec<Value>) {
        let name = format!("{}-{}", self.namespace, self.name);
        self.give("Role", "RoleBinding", json!({"namespace": namespace, "name": name}), rules);
    }

    fn give(&self, role: &str, binding: &str, metadata: Value, rules: Vec<Value>) {
        let Self { server, namespace, name, .. } = self;
        server.admin().apply(json!({"kind": role, "metadata": metadata, "rules": rules}));
        let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": metadata["name"]});
        let subject = json!({"kind": "ServiceAccount", "namespace": namespace, "name": name});
        server
            .admin()
            .apply(json!({"kind": binding, "metadata": metadata, "roleRef": reference, "subjects": [subject]}));
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.kubeconfig);
    }
}
