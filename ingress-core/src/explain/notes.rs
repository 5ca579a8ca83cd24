//! What annotations had to do with a decision.

use std::fmt;
use std::sync::Arc;

use crate::decision::{CanaryBy, Decision, Via};
use crate::host::HostPattern;
use crate::object::Origin;
use crate::path::PathKind;
use crate::policy::{Canary, Redirect, Rewrite, Route, VirtualHost};

/// An influence on a decision that no rule shows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note<'s> {
    /// The host is another name for this one.
    Alias(&'s HostPattern),
    /// The path is matched as an expression because of this annotation.
    Regex(&'s Origin),
    /// No rule lists the path: the host's own `/` answers, with the annotations of this object.
    Implicit(&'s Route),
    /// The path is replaced.
    Rewrite(&'s Rewrite),
    /// The client is sent elsewhere.
    Redirect(&'s Redirect, Option<&'s Origin>),
    /// A canary takes the request.
    Canary(&'s Canary, CanaryBy),
    /// The backend stands in for the route's own.
    Fallback,
    /// TLS ends at the backend.
    Passthrough,
    /// The request is answered for this reason.
    Answer(&'static str),
}

impl<'s> Note<'s> {
    /// What is to be said of a decision.
    pub(crate) fn of(decision: &Decision<'s>, host: Option<&'s Arc<VirtualHost>>) -> Vec<Self> {
        let mut notes = Vec::new();
        let settings = host.and_then(|host| host.settings());
        notes.extend(settings.and_then(|settings| settings.alias_of.as_ref()).map(Self::Alias));
        if let Some(route) = decision.matched().and_then(|matched| matched.route()) {
            if route.path.kind() == PathKind::Regex {
                notes.extend(settings.and_then(|settings| settings.regex.as_ref()).map(Self::Regex));
            }
            if route.is_implicit() {
                notes.push(Self::Implicit(route));
            }
        }
        match decision {
            Decision::Forward(forward) => {
                let rewrite = forward.policy.and_then(|policy| policy.rewrite.as_ref());
                notes.extend(rewrite.map(Self::Rewrite));
                notes.extend(forward.canary().map(|(canary, by)| Self::Canary(canary, by)));
                notes.extend((forward.via == Via::Fallback).then_some(Self::Fallback));
                notes.extend((forward.via == Via::Passthrough).then_some(Self::Passthrough));
            }
            Decision::Redirect(redirected) => {
                notes.push(Self::Redirect(redirected.redirect, redirected.matched.origin()));
            }
            Decision::Respond(response) | Decision::Refuse(response) => {
                notes.extend(answer(response.reason).map(Self::Answer));
            }
        }
        notes
    }
}

/// What a reason means; none where the steps say it.
fn answer(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "cors-preflight" => "the engine answers preflight requests of allowed origins itself (enable-cors)",
        "body-too-large" => "the declared body is larger than proxy-body-size allows",
        "misdirected" => {
            "the handshake was made for another host, whose rules about client certificates or passing TLS through are others"
        }
        "client-certificate-missing" => "the host asks for a client certificate and the client has shown none",
        "client-certificate-invalid" => "the client's certificate is not good",
        "client-certificate-unauthorized" => "the client's certificate is not among those that may pass",
        "header-blocked" => "the controller refuses this User-Agent or Referer (block-user-agents, block-referers)",
        "address-denied" => "the client's address is on the list of those that are refused",
        "address-not-allowed" => "the client's address is not on the list of those that may pass",
        "address-unknown" => "there is a list of addresses, and the client's is not known",
        "credentials-missing" => "a user name and a password are asked for and the request has none",
        "annotation-invalid" => "an annotation of the Ingress cannot be read, so its routes are closed",
        "reference-missing" => {
            "an annotation names an object that is not there, so the routes of the Ingress are closed"
        }
        "regex-unsupported" => "the path uses what no linear-time engine has, so it refuses what begins like it",
        "snippet-refused" => "the Ingress has a snippet, whose meaning is not known, so its routes are closed",
        _ => return None,
    })
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias(host) => write!(f, "this name is an alias of host `{host}`"),
            Self::Regex(origin) => {
                let field = origin.field.to_string();
                let key = field.trim_end_matches(']').rsplit('/').next().unwrap_or_default().to_owned();
                let object = origin.object.path();
                write!(f, "matched as a case-insensitive regex because Ingress {object} on this host sets {key}")
            }
            Self::Implicit(route) => {
                let object = route.origin.object.path();
                write!(
                    f,
                    "no rule lists the path; the host's own `/` takes it, with the annotations of Ingress {object}"
                )
            }
            Self::Rewrite(rewrite) => write!(f, "the path is replaced by `{}`", rewrite.target()),
            Self::Redirect(redirect, origin) => {
                let why = match redirect.reason {
                    "tls-redirect" => {
                        "plain text is sent to https: the host has a certificate, or the redirect is forced"
                    }
                    "app-root" => "exactly `/` is sent to the application's root, on every path of the host",
                    "trailing-slash" => "the rule's path ends in a slash and the request's does not",
                    "www-redirect" => "this name sends everything to its other form, with or without `www.`",
                    "rewrite" => "the rule sends its requests elsewhere",
                    other => other,
                };
                f.write_str(why)?;
                match origin {
                    Some(origin) => write!(f, " (Ingress {})", origin.object.path()),
                    None => Ok(()),
                }
            }
            Self::Canary(canary, by) => {
                write!(f, "the canary of Ingress {} takes it, by {}", canary.origin.object.path(), by.as_str())
            }
            Self::Fallback => f.write_str("the backend has no endpoints; the Service of default-backend stands in"),
            Self::Passthrough => f.write_str("the TLS connection is handed to the backend as it is"),
            Self::Answer(why) => f.write_str(why),
        }
    }
}
