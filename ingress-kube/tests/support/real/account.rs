//! A service account with exactly the rights that it is given, and a kubeconfig for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kube::config::{AuthInfo, Kubeconfig};
use serde_json::{Value, json};

use super::Server;

pub struct Account<'a> {
    server: &'a Server,
    namespace: String,
    name: String,
    kubeconfig: PathBuf,
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
        Self { server, namespace: namespace.to_owned(), name: name.to_owned(), kubeconfig }
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// As the audit log names it.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// Gives it these rights everywhere, in place of those that it had.
    pub fn may(&self, rules: Vec<Value>) {
        let name = format!("{}-{}", self.namespace, self.name);
        self.give("ClusterRole", "ClusterRoleBinding", json!({"name": name}), rules);
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
