//! What the manifests say, without a server: that they are up to date, agree with the program, and agree with each other.

use std::process::Command;

use serde_json::{Value, json};

use super::objects::{
    arguments, chart, container, controller, file, find, folder, helm, kind, kubectl, name, output, rights, text,
};
use super::support::program::PROGRAM;

/// The ways to install it: a file, and the chart's values that come to the same.
const MODES: [(&str, &[&str]); 3] = [
    ("cloud.yaml", &[]),
    ("baremetal.yaml", &["service.type=NodePort"]),
    ("hostnetwork.yaml", &["kind=DaemonSet,hostNetwork=true,service.enabled=false"]),
];

/// All of them that can be made here.
fn all() -> Vec<(String, Vec<Value>)> {
    let mut all: Vec<_> = MODES.iter().map(|(name, _)| ((*name).to_owned(), file(name))).collect();
    if let Some(helm) = helm() {
        all.extend(MODES.iter().map(|(name, values)| (format!("{name} of the chart"), chart(&helm, values))));
        let others = [
            "scope.namespace=shop",
            "scope.namespace=shop,scope.classes=false,webhook.enabled=false",
            "ingressClass.create=false,webhook.enabled=false,extraArgs={--update-status=false}",
            "secrets.namespaces={shop,blog},networkPolicy.enabled=true,networkPolicy.podCidrs={10.244.0.0/16,fd00::/64}",
            "config.use-gzip=true,extraArgs={--v=2},shutdown.grace=30,shutdown.drain=600",
        ];
        all.extend(others.into_iter().map(|values| (values.to_owned(), chart(&helm, &[values]))));
    }
    all
}

#[test]
fn what_is_rendered_is_what_kustomize_makes() {
    let Some(kubectl) = kubectl() else { return };
    output(Command::new(folder().join("render")).arg("--check").env("KUBECTL", kubectl));
}

#[test]
fn the_program_takes_the_command_line() {
    for (mode, objects) in all() {
        let tried = Command::new(PROGRAM)
            .args(arguments(&objects))
            // It gets so far as to look for the cluster, and no further.
            .args(["--kubeconfig", "/nowhere"])
            .env_remove("KUBECONFIG")
            .output()
            .expect("the program");
        let said = String::from_utf8_lossy(&tried.stderr);
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.contains("/nowhere"), "{mode}: {said}");
    }
}

#[test]
fn a_pod_has_the_time_that_its_end_takes() {
    for (mode, objects) in all() {
        let seconds = |flag: &str| -> u64 {
            let args = arguments(&objects);
            let value = args.iter().find_map(|arg| arg.strip_prefix(flag)?.strip_prefix('=')?.strip_suffix('s'));
            value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{mode}: {flag}"))
        };
        let takes = seconds("--shutdown-grace-period") + seconds("--worker-shutdown-timeout");
        let pod = &controller(&objects)["spec"]["template"]["spec"];
        let has = pod["terminationGracePeriodSeconds"].as_u64().expect("a time");
        assert!(has >= takes + 10, "{mode}: {has} s for {takes} s");
        assert_eq!(container(&objects)["lifecycle"]["preStop"]["exec"]["command"], json!(["/wait-shutdown"]), "{mode}");
    }
}

#[test]
fn probes_ask_for_what_they_are_for() {
    for (mode, objects) in all() {
        let container = container(&objects);
        for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
            assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": "metrics"}), "{mode}");
        }
        let ports = container["ports"].as_array().expect("ports").iter();
        let ports: Vec<_> = ports.map(|port| (text(port, "/name"), port["containerPort"].as_u64())).collect();
        assert!(ports.contains(&("metrics", Some(10254))), "{mode}: {ports:?}");
        assert!(ports.contains(&("http", Some(80))) && ports.contains(&("https", Some(443))), "{mode}: {ports:?}");
    }
}

#[test]
fn a_pod_may_do_no_more_than_it_must() {
    for (mode, objects) in all() {
        let pod = &controller(&objects)["spec"]["template"]["spec"];
        let expected = json!({
            "runAsNonRoot": true, "runAsUser": 101, "runAsGroup": 101, "seccompProfile": {"type": "RuntimeDefault"},
        });
        assert_eq!(pod["securityContext"], expected, "{mode}");
        let expected = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        });
        let mut actual = container(&objects)["securityContext"].clone();
        // Objects are equal whatever their order.
        actual.sort_all_objects();
        assert_eq!(actual, expected, "{mode}");
        for key in ["hostPID", "hostIPC", "volumes", "initContainers"] {
            assert!(pod.get(key).is_none(), "{mode}: {key}");
        }
        let accounts = objects.iter().filter(|object| kind(object) == "ServiceAccount");
        assert!(accounts.clone().all(|account| account["automountServiceAccountToken"] == false), "{mode}");
        assert_eq!(pod["automountServiceAccountToken"], true, "{mode}");
        assert!(accounts.map(name).eq([text(pod, "/serviceAccountName")]), "{mode}");
    }
}

#[test]
fn names_and_labels_meet() {
    for (mode, objects) in all() {
        let controller = controller(&objects);
        let labels = &controller["spec"]["template"]["metadata"]["labels"];
        let is_selected = |selector: &Value| {
            let mut terms = selector.as_object().expect("a selector").iter();
            terms.len() > 0 && terms.all(|(key, value)| labels[key] == *value)
        };
        assert!(is_selected(&controller["spec"]["selector"]["matchLabels"]), "{mode}");
        let ports = container(&objects)["ports"].as_array().expect("ports");
        for object in &objects {
            match kind(object) {
                "Service" => {
                    assert!(is_selected(&object["spec"]["selector"]), "{mode}");
                    for port in object["spec"]["ports"].as_array().expect("ports") {
                        assert!(ports.iter().any(|of| of["name"] == port["targetPort"]), "{mode}: {port}");
                    }
                }
                "PodDisruptionBudget" => assert!(is_selected(&object["spec"]["selector"]["matchLabels"]), "{mode}"),
                "NetworkPolicy" => assert!(is_selected(&object["spec"]["podSelector"]["matchLabels"]), "{mode}"),
                "ValidatingWebhookConfiguration" => {
                    let service = &object["webhooks"][0]["clientConfig"]["service"];
                    let found = find(&objects, "Service", text(service, "/name"));
                    assert_eq!(service["namespace"], found["metadata"]["namespace"], "{mode}");
                    assert_eq!(service["port"], found["spec"]["ports"][0]["port"], "{mode}");
                }
                of if of.ends_with("Binding") => {
                    let subject = &object["subjects"][0];
                    let account = find(&objects, "ServiceAccount", text(subject, "/name"));
                    assert_eq!(subject["namespace"], account["metadata"]["namespace"], "{mode}");
                }
                _ => {}
            }
            for label in ["name", "instance", "version", "part-of"] {
                let label = format!("app.kubernetes.io/{label}");
                let is_exempt = kind(object) == "NetworkPolicy";
                assert!(is_exempt || object["metadata"]["labels"].get(&label).is_some(), "{mode}: {label} of {object}");
            }
        }
        // Every role is bound but one, which others may bind.
        rights(&objects);
        let flag =
            |prefix: &str| arguments(&objects).iter().find_map(|arg| arg.strip_prefix(prefix).map(str::to_owned));
        let settings = flag("--configmap=").expect("settings");
        find(&objects, "ConfigMap", settings.split_once('/').expect("a name").1);
        if let Some(service) = flag("--publish-service=") {
            find(&objects, "Service", service.split_once('/').expect("a name").1);
        }
    }
}

#[test]
fn the_network_of_the_nodes() {
    let objects = file("hostnetwork.yaml");
    let controller = controller(&objects);
    assert_eq!(kind(controller), "DaemonSet");
    let pod = &controller["spec"]["template"]["spec"];
    assert_eq!((&pod["hostNetwork"], &pod["dnsPolicy"]), (&json!(true), &json!("ClusterFirstWithHostNet")));
    assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/os": "linux"}));
    assert_eq!(text(&pod["tolerations"][0], "/key"), "node-role.kubernetes.io/ingress");
    // Two cannot have the ports of one node.
    assert_eq!(controller["spec"]["updateStrategy"]["rollingUpdate"], json!({"maxUnavailable": 1}));
    let services: Vec<_> = objects.iter().filter(|object| kind(object) == "Service").map(name).collect();
    assert_eq!(services, ["ingress-proxy-controller-admission"]);
}

#[test]
fn several_replicas_behind_a_service() {
    for (file_name, exposure) in [("cloud.yaml", "LoadBalancer"), ("baremetal.yaml", "NodePort")] {
        let objects = file(file_name);
        let controller = controller(&objects);
        assert_eq!(kind(controller), "Deployment");
        assert!(controller["spec"]["replicas"].as_u64() >= Some(2));
        assert_eq!(controller["spec"]["strategy"]["rollingUpdate"], json!({"maxSurge": 1, "maxUnavailable": 0}));
        let service = &find(&objects, "Service", "ingress-proxy-controller")["spec"];
        assert_eq!((text(service, "/type"), text(service, "/externalTrafficPolicy")), (exposure, "Local"));
    }
}

#[test]
fn the_chart_gives_the_same_rights() {
    let Some(helm) = helm() else { return };
    for (mode, values) in MODES {
        assert_eq!(rights(&chart(&helm, values)), rights(&file(mode)), "{mode}");
    }
    // Fewer where less is asked for.
    let outside = |values: &str, namespaces: &[&str]| -> Vec<String> {
        let rights = rights(&chart(&helm, &[values])).into_iter();
        let rights = rights.filter(|right| !namespaces.contains(&&*right.namespace));
        rights.map(|right| format!("{}/{}", right.resource, right.verb)).collect()
    };
    let classes = ["ingressclasses/list", "ingressclasses/watch"];
    assert_eq!(outside("scope.namespace=shop,webhook.enabled=false", &["shop", "ingress-proxy"]), classes);
    let nothing = "scope.namespace=shop,webhook.enabled=false,scope.classes=false";
    assert!(outside(nothing, &["shop", "ingress-proxy"]).is_empty());
    let secrets = outside("secrets.namespaces={shop,blog}", &["shop", "blog", "ingress-proxy"]);
    assert!(!secrets.iter().any(|right| right.starts_with("secrets/")), "{secrets:?}");
}
