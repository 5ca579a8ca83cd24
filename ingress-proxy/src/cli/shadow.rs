//! The flags of a shadow: a second controller that is tried out beside the one in charge.

use clap::Args;
use ingress_proxy::shadow::{Options, Target};

use super::values;

/// Whose shadow it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shadow")]
pub(super) struct ShadowArgs {
    /// Be the shadow of the controller in charge: claim the same Ingresses, write nothing to the cluster, and serve only GET,
    /// HEAD and OPTIONS
    #[arg(long)]
    shadow: bool,
    /// Where that controller is, such as 'http://ingress-nginx-controller.ingress-nginx.svc': it is asked the same as this one,
    /// and /metrics has how often its answers differ; twice for http:// and https://
    #[arg(long = "shadow-upstream", value_name = "URL", requires = "shadow")]
    upstreams: Vec<Target>,
    /// The most requests in a second that it is asked
    #[arg(long, value_name = "N", default_value = "10", value_parser = values::count, requires = "shadow")]
    shadow_rate: usize,
}

impl ShadowArgs {
    /// None if it is a controller of its own.
    ///
    /// # Errors
    ///
    /// When there are two addresses for one purpose.
    pub(super) fn options(self) -> Result<Option<Options>, String> {
        let rate = u32::try_from(self.shadow_rate).unwrap_or(u32::MAX);
        let mut options = Options { rate, ..Options::default() };
        for upstream in self.upstreams {
            let place = if upstream.is_tls { &mut options.https } else { &mut options.http };
            if let Some(other) = place.replace(upstream.clone()) {
                return Err(format!("`--shadow-upstream`: both `{other}` and `{upstream}`"));
            }
        }
        Ok(self.shadow.then_some(options))
    }
}
