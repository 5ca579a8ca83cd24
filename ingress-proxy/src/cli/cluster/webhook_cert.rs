//! `webhook-cert create` and `webhook-cert patch`: kube-webhook-certgen's commands with its flags, so that Jobs which run that
//! program run this one when only their image is replaced.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};
use ingress_kube::webhook::cert::{ConfigurationKind, Create, Created, Patch, create, patch};
use ingress_kube::{ClientOptions, connect};

use crate::cli::console::say;

/// The commands that such Jobs begin with.
const COMMANDS: [&str; 2] = ["create", "patch"];

/// Certificates for validating webhooks whose configuration somebody else looks after.
#[derive(Debug, Parser)]
#[command(name = "ingress-proxy webhook-cert", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
    /// File with the address of the API server and credentials for it
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Taken and not used
    #[arg(long, global = true, hide = true)]
    log_level: Option<String>,
    /// Taken and not used
    #[arg(long, global = true, hide = true)]
    log_format: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Issue a certificate and keep it in a Secret, unless that is there already
    Create(CreateArgs),
    /// Write the authority of the certificate in a Secret into webhook configurations
    Patch(PatchArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Names and addresses that the certificate is for, separated by commas
    #[arg(long, value_name = "HOSTS", value_delimiter = ',', required = true)]
    host: Vec<String>,
    /// Namespace of the Secret
    #[arg(long, value_name = "NS")]
    namespace: String,
    /// Name of the Secret
    #[arg(long, value_name = "NAME")]
    secret_name: String,
}

#[derive(Debug, Args)]
struct PatchArgs {
    /// Name of the webhook configurations
    #[arg(long, value_name = "NAME")]
    webhook_name: String,
    /// Namespace of the Secret
    #[arg(long, value_name = "NS")]
    namespace: String,
    /// Name of the Secret
    #[arg(long, value_name = "NAME")]
    secret_name: String,
    /// Whether to patch the ValidatingWebhookConfiguration
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    patch_validating: bool,
    /// Whether to patch the MutatingWebhookConfiguration, if there is one
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    patch_mutating: bool,
    /// What the API server does when the webhook does not answer
    #[arg(long, value_name = "POLICY", value_parser = ["", "Fail", "Ignore"])]
    patch_failure_policy: Option<String>,
}

/// Does such a task, if the command line asks for one.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> Option<Result<ExitCode, String>> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let first = args.get(1).and_then(|arg| arg.to_str())?;
    if first == "webhook-cert" {
        args.remove(1);
    } else if !COMMANDS.contains(&first) {
        return None;
    }
    let cli = Cli::try_parse_from(args).unwrap_or_else(|error| error.exit());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"));
    Some(runtime.and_then(|runtime| runtime.block_on(done(cli))).map(|line| {
        say(line);
        ExitCode::SUCCESS
    }))
}

async fn done(cli: Cli) -> Result<String, String> {
    let options = ClientOptions { kubeconfig: cli.kubeconfig, ..ClientOptions::default() };
    let client = connect(&options).await.map_err(|error| error.to_string())?;
    match cli.task {
        Task::Create(CreateArgs { host, namespace, secret_name }) => {
            let task = Create { hosts: host, namespace, secret: secret_name };
            let created = create(&client, &task).await.map_err(|error| error.to_string())?;
            let done = match created {
                Created::New => "is new",
                Created::Kept => "is there already and stays as it is",
            };
            Ok(format!("Secret `{}/{}` {done}", task.namespace, task.secret))
        }
        Task::Patch(args) => {
            let kinds = [
                (ConfigurationKind::Validating, args.patch_validating, true),
                (ConfigurationKind::Mutating, args.patch_mutating, false),
            ];
            let task = Patch {
                webhook: args.webhook_name,
                namespace: args.namespace,
                secret: args.secret_name,
                kinds: kinds
                    .into_iter()
                    .filter(|(_, is_meant, _)| *is_meant)
                    .map(|(kind, _, must)| (kind, must))
                    .collect(),
                failure_policy: args.patch_failure_policy.filter(|policy| !policy.is_empty()),
            };
            let changed = patch(&client, &task).await.map_err(|error| error.to_string())?;
            let changed: Vec<&str> = changed.into_iter().map(ConfigurationKind::as_str).collect();
            let what =
                if changed.is_empty() { "nothing, which was right already".to_owned() } else { changed.join(", ") };
            Ok(format!("webhook configuration `{}`: changed {what}", task.webhook))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Cli {
        Cli::try_parse_from([&["ingress-proxy"], args].concat()).unwrap()
    }

    #[test]
    fn the_jobs_of_ingress_nginx_are_understood() {
        let create = parse(&["create", "--host=a,a.ns.svc", "--namespace=ns", "--secret-name=s"]);
        let Task::Create(create) = create.task else { unreachable!() };
        assert_eq!((create.host, &*create.namespace), (vec!["a".to_owned(), "a.ns.svc".to_owned()], "ns"));
        let args = ["patch", "--webhook-name=w", "--namespace=ns", "--patch-mutating=false", "--secret-name=s"];
        let Task::Patch(patch) = parse(&[&args[..], &["--patch-failure-policy=Fail"]].concat()).task else {
            unreachable!()
        };
        assert!(patch.patch_validating && !patch.patch_mutating);
        assert_eq!(patch.patch_failure_policy.as_deref(), Some("Fail"));
        let Task::Patch(patch) =
            parse(&["--log-level=info", "patch", "--webhook-name=w", "--namespace=n", "--secret-name=s"]).task
        else {
            unreachable!()
        };
        assert!(patch.patch_mutating && patch.patch_failure_policy.is_none());
    }

    #[test]
    fn other_command_lines_are_left_alone() {
        for args in [&["ingress-proxy"][..], &["ingress-proxy", "--kubernetes"], &["ingress-proxy", "x", "create"]] {
            assert!(run(args.iter().map(OsString::from)).is_none());
        }
    }
}
