//! The API server of these tests does with writes what a real one does, as far as tests rely on it.

mod support;

use ingress_kube::{ClientOptions, connect};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use support::{ApiServer, ingress};

fn status(result: Result<impl Sized, kube::Error>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(other) => unreachable!("{other}"),
    }
}

#[tokio::test]
async fn writes_that_overwrite_others_are_refused() {
    let api = ApiServer::start();
    let options = ClientOptions { apiserver_host: Some(api.url()), ..ClientOptions::default() };
    let client = connect(&options).await.unwrap();
    let leases: Api<Lease> = Api::namespaced(client.clone(), "system");
    let lease = |holder: &str, version: Option<&str>| -> Lease {
        let metadata = json!({"namespace": "system", "name": "leader", "resourceVersion": version});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"holderIdentity": holder}})).unwrap()
    };
    let post = PostParams::default();
    assert_eq!(status(leases.replace("leader", &post, &lease("a", None)).await), 404);
    let created = leases.create(&post, &lease("a", None)).await.unwrap();
    assert_eq!(status(leases.create(&post, &lease("b", None)).await), 409);
    let first = created.metadata.resource_version.unwrap();
    let second = leases.replace("leader", &post, &lease("b", Some(&first))).await.unwrap();
    assert_eq!(status(leases.replace("leader", &post, &lease("c", Some(&first))).await), 409);
    assert_eq!(second.metadata.uid, created.metadata.uid);
    let read = leases.get("leader").await.unwrap();
    assert_eq!(read.spec.unwrap().holder_identity.as_deref(), Some("b"));
    assert_eq!(status(leases.delete("leader", &DeleteParams::default()).await), 200);
    assert_eq!(status(leases.get("leader").await), 404);

    api.apply(ingress("shop", "cafe", "cafe.example", "tea"));
    let ingresses: Api<Ingress> = Api::namespaced(client, "shop");
    // Of what is written to a status the rest does not count.
    let patch = json!({"spec": {"rules": []}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    ingresses.patch_status("cafe", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let object = api.object("Ingress", "shop", "cafe").unwrap();
    assert_eq!(object["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.1");
    assert_eq!(object["spec"]["rules"][0]["host"], "cafe.example");
}
