//! Where the programs are.

use std::env::{split_paths, var_os};
use std::path::PathBuf;

/// The programs of a server.
pub struct Programs {
    pub apiserver: PathBuf,
    pub etcd: PathBuf,
}

impl Programs {
    /// None if one of them is missing.
    pub fn find() -> Option<Self> {
        let named = |variable: &str| var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        let among_assets = |name: &str| {
            let path = named("KUBEBUILDER_ASSETS")?.join(name);
            assert!(path.is_file(), "`KUBEBUILDER_ASSETS` has no `{name}`");
            Some(path)
        };
        let in_path = |name: &str| {
            let path = var_os("PATH")?;
            split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
        };
        let find = |variable, name| named(variable).or_else(|| among_assets(name)).or_else(|| in_path(name));
        Some(Self { apiserver: find("KUBE_APISERVER", "kube-apiserver")?, etcd: find("ETCD", "etcd")? })
    }
}
