//! The controller on a real API server: what it watches becomes what is decided.

mod support;

use ingress_kube::ClientOptions;
use support::cluster::{Cluster, settings};
use support::real::{Server, class_of};
use support::{class, ingress, service, slice};

#[tokio::test]
async fn what_is_applied_is_decided() {
    let Some(server) = Server::shared() else { return };
    let admin = server.admin();
    admin.apply(class("applied", "example.com/applied"));
    admin.apply(service("applied", "tea"));
    admin.apply(slice("applied", "tea", &["10.0.0.1"], 8080));
    admin.apply(class_of(ingress("applied", "cafe", "cafe.example", "tea"), "applied"));
    let options = ClientOptions { kubeconfig: Some(admin.kubeconfig().clone()), ..ClientOptions::default() };
    let mut settings = settings();
    settings.engine.classes = ingress_core::lower::ClassSelection::Controller(ingress_core::lower::ControllerClass {
        controller: "example.com/applied".into(),
        ..Default::default()
    });
    let mut cluster = Cluster::with((), &options, settings).await;
    cluster.until("ready", ingress_kube::View::is_ready).await;
    assert_eq!(cluster.endpoints("cafe.example"), ["10.0.0.1:8080"]);
    admin.apply(slice("applied", "tea", &["10.0.0.2"], 9000));
    cluster.until_leads("cafe.example", &["10.0.0.2:9000"]).await;
    admin.delete("Ingress", "applied", "cafe");
    cluster.until_leads("cafe.example", &["404"]).await;
}
