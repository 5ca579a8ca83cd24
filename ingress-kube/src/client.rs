//! Finding the API server and the credentials for it.

use std::path::PathBuf;

use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Where the API server is, as ingress-nginx's flags say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct ClientOptions {
    /// `--kubeconfig`: a file with the address and the credentials. Without it `KUBECONFIG`, `~/.kube/config` and what a pod
    /// finds in its own file system are tried, in this order.
    pub kubeconfig: Option<PathBuf>,
    /// `--apiserver-host`: the address, such as `http://127.0.0.1:8080`, in place of the one found elsewhere.
    pub apiserver_host: Option<String>,
    /// `--certificate-authority`: a file with the authorities that the API server's certificate may come from.
    pub certificate_authority: Option<PathBuf>,
}

/// The API server, or the credentials for it, cannot be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The file of `--kubeconfig` is no good.
    #[error("`--kubeconfig {}`: {error}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: KubeconfigError,
    },
    /// There is neither a kubeconfig nor a service account.
    #[error("no API server found: {0}; use `--kubeconfig` or `--apiserver-host`")]
    Infer(#[source] Box<InferConfigError>),
    /// `--apiserver-host` is not a URL.
    #[error("`--apiserver-host {host}` is not a URL such as `https://10.0.0.1:6443`")]
    Host {
        /// The flag's value.
        host: String,
    },
    /// A client cannot be made of it.
    #[error("cannot make a client for the API server: {0}")]
    Client(#[source] Box<kube::Error>),
}

/// Makes a client. No connection is opened: an API server that is down is no error here.
///
/// # Errors
///
/// [`ConnectError`] when there is nothing to connect to, or the credentials cannot be read.
pub async fn connect(options: &ClientOptions) -> Result<Client, ConnectError> {
    let mut config = match &options.kubeconfig {
        Some(path) => {
            let wrong = |error| ConnectError::Kubeconfig { path: path.clone(), error };
            let kubeconfig = Kubeconfig::read_from(path).map_err(wrong)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(wrong)?
        }
        None => match (Config::infer().await, &options.apiserver_host) {
            (Ok(config), _) => config,
            // The address alone is enough where nobody asks for credentials.
            (Err(_), Some(host)) => Config::new(url(host)?),
            (Err(error), None) => return Err(ConnectError::Infer(Box::new(error))),
        },
    };
    if let Some(host) = &options.apiserver_host {
        config.cluster_url = url(host)?;
    }
    if let Some(path) = &options.certificate_authority {
        config.root_cert_file = Some(path.clone());
    }
    // Whoever asks knows best when to ask again: watches share one look at whether the server can be reached.
    config.default_retry = false;
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}

fn url(host: &str) -> Result<http::Uri, ConnectError> {
    let uri = host.parse::<http::Uri>().ok();
    let uri = uri.filter(|uri| uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
    uri.ok_or_else(|| ConnectError::Host { host: host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(host: &str) -> ClientOptions {
        ClientOptions { apiserver_host: Some(host.into()), ..ClientOptions::default() }
    }

    #[tokio::test]
    async fn an_address_alone_is_enough() {
        connect(&options("http://127.0.0.1:1")).await.unwrap();
        for host in ["", "10.0.0.1:6443", "ftp://10.0.0.1", "https://"] {
            let error = connect(&options(host)).await.err().unwrap();
            assert!(matches!(error, ConnectError::Host { .. }), "{host}: {error}");
        }
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_named_must_be_there() {
        let options = ClientOptions { kubeconfig: Some("/does/not/exist".into()), ..ClientOptions::default() };
        let error = connect(&options).await.err().unwrap().to_string();
        assert!(error.starts_with("`--kubeconfig /does/not/exist`: "), "{error}");
    }
}
