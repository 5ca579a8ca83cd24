//! Command lines, and what they come to.

use std::ffi::OsString;

use ingress_core::lower::ClassSelection;
use ingress_core::object::{Kind, ObjectRef};
use ingress_core::policy::{AddressRange, Endpoint};
use ingress_proxy::certs::{Suites, Versions};
use ingress_proxy::config::NamedEndpoint;

use super::*;

const SMALL: Machine =
    Machine { cores: 2, has_ipv6: false, in_pod: false, descriptors: 1 << 20, pod: (String::new(), String::new()) };

#[test]
fn a_shadow_has_an_address_for_each_scheme() {
    let shadow = settings(&["--shadow", "--shadow-upstream=http://a", "--shadow-upstream=https://b:8443"]).shadow;
    let shadow = shadow.expect("a shadow");
    let [http, https] = [shadow.http, shadow.https].map(|target| target.map(|target| target.to_string()));
    assert_eq!((http.as_deref(), https.as_deref(), shadow.rate), (Some("http://a:80"), Some("https://b:8443"), 10));
    assert!(settings(&[]).shadow.is_none());
}

/// The settings and notes of a command line without the program's name.
fn read(args: &[&str], machine: Machine) -> Result<(Settings, Vec<String>), String> {
    let args = ["ingress-proxy"].iter().chain(args).map(OsString::from);
    let (flags, notes) = Flags::read(args).map_err(|error| error.to_string())?;
    Ok((flags.resolve(machine)?, notes))
}

#[track_caller]
fn settings(args: &[&str]) -> Settings {
    read(&[&["--file", "x"], args].concat(), SMALL).map(|(settings, _)| settings).unwrap()
}

#[test]
fn the_defaults_are_those_of_the_library() {
    let settings = settings(&[]);
    assert_eq!(format!("{:?}", settings.config), format!("{:?}", Config::default()));
    let address = |text: &str| vec![text.parse::<SocketAddr>().unwrap()];
    assert_eq!((settings.listeners.http, settings.listeners.https), (address("0.0.0.0:80"), address("0.0.0.0:443")));
    assert_eq!((settings.workers, settings.default_certificate), (2, CertificateId::Default));
    let admin = Admin {
        addresses: address("127.0.0.1:10254"),
        health_path: "/healthz".to_owned(),
        ready_within: Duration::ZERO,
        metrics: true,
    };
    assert_eq!(settings.admin, admin);
    assert_eq!(
        (settings.access_log, settings.log_format),
        (AccessLog::Stdout, values::log_format("nginx", false).unwrap())
    );
    let seconds = Duration::from_secs;
    assert_eq!(settings.shutdown, Shutdown { grace: seconds(0), drain: seconds(240), after: seconds(0) });
    assert!(!settings.check);
}

#[test]
fn the_help_tells_the_defaults_that_count() {
    let Err(help) = Flags::read(["ingress-proxy", "--help"].map(OsString::from)) else { panic!("no help") };
    let help = help.to_string();
    let Config { downstream, upstream, .. } = Config::default();
    let seconds = |time: Duration| format!("[default: {}s]", time.as_secs());
    for (flag, default) in [
        ("--keep-alive", seconds(downstream.keep_alive)),
        ("--keep-alive-requests", format!("[default: {}]", downstream.keep_alive_requests)),
        ("--client-header-timeout", seconds(downstream.header_timeout)),
        ("--client-body-timeout", seconds(downstream.idle_timeout)),
        ("--max-header-size", format!("[default: {}k]", downstream.max_head >> 10)),
        ("--max-header-fields", format!("[default: {}]", downstream.max_fields)),
        ("--max-target-size", format!("[default: {}k]", downstream.max_target >> 10)),
        ("--http2-max-concurrent-streams", format!("[default: {}]", downstream.http2_max_streams)),
        ("--max-worker-connections", format!("[default: {},", downstream.max_connections)),
        ("--max-worker-handshakes", format!("[default: {}]", downstream.max_handshakes)),
        ("--slow-start", format!("[default: {}]", upstream.slow_start.as_secs())),
        ("--max-fails", format!("[default: {}]", upstream.max_fails)),
        ("--fail-timeout", seconds(upstream.fail_timeout)),
        ("--upstream-keepalive-connections", format!("[default: {}]", upstream.keep_alive_connections)),
        ("--upstream-keepalive-timeout", seconds(upstream.keep_alive_timeout)),
        ("--upstream-keepalive-requests", format!("[default: {}]", upstream.keep_alive_requests)),
        ("--upstream-keepalive-time", format!("[default: {}h]", upstream.keep_alive_age.as_secs() / 3_600)),
        ("--max-response-header-size", format!("[default: {}k]", upstream.max_head >> 10)),
    ] {
        let (_, rest) = help.split_once(&format!("{flag} <")).unwrap_or_else(|| panic!("no {flag} in\n{help}"));
        let about = rest.split("\n      --").next().unwrap();
        assert!(about.replace('\n', " ").contains(&default), "{flag} is not {default}:{about}");
    }
    assert!(!help.contains("--stream-port"), "what has no effect is not offered");
}

#[test]
fn flags_set_what_they_are_called_after() {
    let args = "--http-port 8080 --https-port 8443 --bind-address 127.0.0.1,::1 --use-proxy-protocol --http2-cleartext \
                --workers 3 --trusted-cidr 10.0.0.0/8,192.0.2.1 --use-forwarded-headers --send-forwarded \
                --allow-endpoint-cidr 127.0.0.0/8 --keep-alive 5s --keep-alive-requests 6 --client-header-timeout 7 \
                --client-body-timeout 8s --max-header-size 9k --max-header-fields 10 --max-target-size 11k \
                --http2-max-concurrent-streams 12 --max-worker-connections 13 --max-worker-handshakes 23 --send-timeout 24s --enable-underscores-in-headers \
                --load-balance least_request --slow-start 14s --max-fails 0 --fail-timeout 15s \
                --upstream-keepalive-connections 0 --upstream-keepalive-timeout 16s --upstream-keepalive-requests 17 \
                --upstream-keepalive-time 18s --max-response-header-size 19k --healthz-port 20 --healthz-host ::1 \
                --health-check-path /alive --healthz-ready-within 30s --enable-metrics --access-log stderr --log-format json \
                --shutdown-grace-period 21s --worker-shutdown-timeout 22 --post-shutdown-grace-period 500ms \
                --default-ssl-certificate shop/tls --disable-svc-external-name --check -n shop \
                --watch-namespace shop --endpoint shop/tea:80=[::1]:9001 --endpoint shop/tea:80=tea.example:9002";
    let settings = settings(&args.split_whitespace().collect::<Vec<_>>());
    let seconds = Duration::from_secs;
    let downstream = Downstream {
        max_head: 9 << 10,
        max_fields: 10,
        max_target: 11 << 10,
        header_timeout: seconds(7),
        idle_timeout: seconds(8),
        stall_timeout: seconds(24),
        keep_alive: seconds(5),
        keep_alive_requests: 6,
        http2_max_streams: 12,
        http2_cleartext: true,
        proxy_protocol: true,
        underscores_in_headers: true,
        max_connections: 13,
        max_handshakes: 23,
    };
    let ranges = |texts: &[&str]| texts.iter().map(|text| AddressRange::parse(text).unwrap()).collect::<Vec<_>>();
    let named = |service: &str, endpoint| NamedEndpoint { namespace: "shop".into(), service: service.into(), endpoint };
    let upstream = Upstream {
        keep_alive_connections: 0,
        keep_alive_timeout: seconds(16),
        keep_alive_requests: 17,
        keep_alive_age: seconds(18),
        max_head: 19 << 10,
        max_fails: 0,
        fail_timeout: seconds(15),
        slow_start: seconds(14),
        balance: Balance::LeastRequest,
        allowed_endpoints: ranges(&["127.0.0.0/8"]),
        named_endpoints: vec![
            named("tea", Endpoint::Address("[::1]:9001".parse().unwrap())),
            named("tea", Endpoint::Name("tea.example".into(), 9002)),
        ],
    };
    let forwarding = Forwarding {
        trusted: ranges(&["10.0.0.0/8", "192.0.2.1/32"]),
        use_forwarded_headers: true,
        send_forwarded: true,
    };
    let expected = Config { downstream, upstream, forwarding, shadow: None };
    assert_eq!(format!("{:?}", settings.config), format!("{expected:?}"));
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
    assert_eq!(settings.listeners.http, addresses(&["127.0.0.1:8080", "[::1]:8080"]));
    assert_eq!(settings.listeners.https, addresses(&["127.0.0.1:8443", "[::1]:8443"]));
    assert_eq!(settings.workers, 3);
    let certificate = CertificateId::Secret { namespace: "shop".into(), name: "tls".into() };
    assert_eq!(settings.default_certificate, certificate);
    let admin = Admin {
        addresses: addresses(&["[::1]:20"]),
        health_path: "/alive".to_owned(),
        ready_within: seconds(30),
        metrics: true,
    };
    assert_eq!(settings.admin, admin);
    assert_eq!(
        (settings.access_log, settings.log_format),
        (AccessLog::Stderr, values::log_format("json", false).unwrap())
    );
    let shutdown = Shutdown { grace: seconds(21), drain: seconds(22), after: Duration::from_millis(500) };
    assert_eq!(settings.shutdown, shutdown);
    assert!(settings.check && settings.source.no_external_names);
    assert_eq!(settings.source.namespace, "shop");
    assert_eq!(settings.source.watched.as_deref(), Some("shop"));
    let pinned: Vec<String> = settings.source.pins.services().map(ObjectRef::path).collect();
    assert_eq!(pinned, ["shop/tea"]);
}

#[test]
fn what_is_wrong_is_named_with_its_flag() {
    let table: &[(&[&str], &[&str])] = &[
        (&["--keep-alive", "5x"], &["--keep-alive", "`5x` is not a time"]),
        (&["--fail-timeout", "0"], &["--fail-timeout", "longer than zero"]),
        (&["--max-header-size", "8g"], &["--max-header-size", "`8g` is not a size"]),
        (&["--annotations-prefix=x.example"], &["--annotations-prefix", "under `nginx.ingress.kubernetes.io`"]),
        (&["--workers", "0"], &["--workers", "`0` is not a number"]),
        (&["--http-port", "65536"], &["--http-port", "`65536` is not a number from 1 to 65535"]),
        (&["--https-port", "0"], &["--https-port", "`0` is not a number from 1 to 65535"]),
        (&["--http-port", "443"], &["`--http-port` and `--https-port` are both `443`"]),
        (&["--http-port", "10254"], &["`--http-port` and `--healthz-port` are both `10254`"]),
        (&["--healthz-port", "443"], &["`--https-port` and `--healthz-port` are both `443`"]),
        (&["--bind-address", "localhost"], &["--bind-address", "localhost"]),
        (&["--trusted-cidr", "10.0.0.0/40"], &["--trusted-cidr", "10.0.0.0/40"]),
        (&["--use-forwarded-headers"], &["`--use-forwarded-headers`", "`--trusted-cidr`"]),
        (&["--shutdown-grace-period", "-1"], &["--shutdown-grace-period", "-1"]),
        (&["--use-proxy-protocol"], &["`--use-proxy-protocol`", "`--trusted-cidr`"]),
        (&["--endpoint", "tea:80=127.0.0.1:1"], &["--endpoint", "`tea:80=127.0.0.1:1` names no Service;"]),
        (&["--default-ssl-certificate", "tls"], &["`--default-ssl-certificate`", "`tls` is not a Secret"]),
        (&["--default-backend-service", "tea"], &["--default-backend-service", "namespace/name"]),
        (&["--health-check-path", "healthz"], &["--health-check-path", "`healthz` is not a path"]),
        (&["--access-log", ""], &["--access-log", "where to?"]),
        (&["--log-format", "jsno"], &["--log-format", "`jsno` is neither"]),
        (&["--log-format", "$nosuch"], &["--log-format", "unknown variable `$nosuch`"]),
        (&["--ssl-protocols", "SSLv3"], &["--ssl-protocols", "`SSLv3` has neither"]),
        (&["--ssl-ciphers", "RC4"], &["--ssl-ciphers", "`RC4`: none of the cipher suites can be used"]),
        (&["--load-balance", "random"], &["--load-balance", "least_request"]),
        (&["--enable-metrics=maybe"], &["--enable-metrics", "maybe"]),
        (&["--election-id"], &["--election-id"]),
        (&["--maxmind-license-key=x"], &["--maxmind-license-key"]),
        (&["stray.yaml"], &["stray.yaml"]),
        (&["--shadow-upstream=http://a"], &["--shadow"]),
        (&["--shadow", "--shadow-upstream=ftp://a"], &["--shadow-upstream", "`ftp://a` is no address"]),
        (
            &["--shadow", "--shadow-upstream=http://a", "--shadow-upstream=http://b"],
            &["`--shadow-upstream`: both `http://a:80` and `http://b:80`"],
        ),
    ];
    for (args, parts) in table {
        let error = read(&[&["--file", "x"], *args].concat(), SMALL).map(|_| ()).expect_err(&args.join(" "));
        for part in *parts {
            assert!(error.contains(part), "{args:?} says nothing of {part}: {error}");
        }
    }
    let error = read(&[], SMALL).map(|_| ()).unwrap_err();
    assert!(error.contains("--file <PATH>"), "{error}");
}

#[test]
fn a_deployment_of_ingress_nginx_brings_its_command_line() {
    // Of the baremetal manifests of ingress-nginx 0.46, after Kubernetes has put in the namespace.
    let args = [
        "/nginx-ingress-controller",
        "--election-id=ingress-controller-leader",
        "--ingress-class=nginx",
        "--configmap=ingress-nginx/ingress-nginx-controller",
        "--validating-webhook=:8443",
        "--validating-webhook-certificate=/usr/local/certificates/cert",
        "--validating-webhook-key=/usr/local/certificates/key",
        "--file=x",
    ];
    let (settings, notes) = read(&args, SMALL).unwrap();
    let no_effect = |flag: &str| format!("`--{flag}` has no effect: it needs a cluster as the source of manifests");
    let flags = ["election-id", "validating-webhook", "validating-webhook-certificate", "validating-webhook-key"];
    assert_eq!(notes, flags.map(no_effect));
    let config_map = ObjectRef::new(Kind::ConfigMap, "ingress-nginx", "ingress-nginx-controller");
    assert_eq!(settings.source.engine.config_map, Some(config_map));
    match settings.source.engine.classes {
        ClassSelection::Controller(class) => assert_eq!(&*class.ingress_class, "nginx"),
        other => panic!("{other:?}"),
    }
    // Of newer ones, and of what people add to them.
    let args = "--publish-service=ingress-nginx/ingress-nginx-controller --controller-class=k8s.io/internal \
                --publish-status-address localhost --report-node-internal-ip-address --update-status -v=2 --v 3 \
                --watch-ingress-without-class=True --annotations-prefix=nginx.ingress.kubernetes.io --default-backend-service=shop/tea --status-port 10246 \
                --tcp-services-configmap=a/b --watch-namespace= --enable-metrics=true --enable-metrics=false --sync-period=-1s";
    let (settings, notes) =
        read(&[&["--file", "x"], &args.split_whitespace().collect::<Vec<_>>()[..]].concat(), SMALL).unwrap();
    assert_eq!(
        notes,
        [
            no_effect("publish-service"),
            no_effect("publish-status-address"),
            no_effect("report-node-internal-ip-address"),
            no_effect("sync-period"),
            no_effect("update-status"),
            "`--status-port` has no effect: it is about the inside of ingress-nginx".to_owned(),
            "`-v` has no effect: it is about the inside of ingress-nginx".to_owned(),
            "`--tcp-services-configmap` has no effect: what it asks for is not there yet".to_owned(),
        ]
    );
    assert!(!settings.admin.metrics, "the last one counts");
    assert_eq!(settings.source.watched, None);
    assert_eq!(settings.labels.class, "k8s.io/internal");
}

#[cfg(feature = "kubernetes")]
#[test]
fn a_shadow_says_what_it_leaves_to_the_controller_in_charge() {
    let words =
        ["--kubernetes", "--shadow", "--validating-webhook=:8443", "--publish-service=a/b", "--election-ttl=30s"];
    let (settings, notes) = read(&words, SMALL).unwrap();
    let left = |flag: &str| format!("`--{flag}` has no effect: a shadow leaves it to the controller in charge");
    assert_eq!(notes, [left("publish-service"), left("validating-webhook")]);
    assert!(format!("{:?}", settings.cluster.unwrap()).contains("webhook: None"));
    let words: Vec<&str> = words.into_iter().filter(|word| *word != "--shadow").collect();
    assert!(read(&words, SMALL).unwrap().1.is_empty());
}

#[cfg(feature = "kubernetes")]
#[test]
fn a_cluster_may_be_the_source() {
    let read_words = |text: &str| read(&text.split_whitespace().collect::<Vec<_>>(), SMALL);
    let (settings, notes) = read_words(
        "--kubernetes --kubeconfig= --apiserver-host=http://10.0.0.1:1 --certificate-authority /ca \
         --watch-namespace-selector a=b --secrets-per-namespace --sync-period=1s",
    )
    .unwrap();
    assert_eq!(notes, ["`--sync-period` has no effect: what it asks for is not there yet"]);
    let said = format!("{:?}", settings.cluster.unwrap());
    for part in ["kubeconfig: None", "http://10.0.0.1:1", "/ca", "a=b", "Namespaces"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let ours = ClassSelection::Controller(ControllerClass::default());
    assert_eq!(settings.source.engine.classes, ours, "others may have their own");
    let (settings, _) = read_words("--kubernetes --class-all").unwrap();
    assert_eq!(settings.source.engine.classes, ClassSelection::All);
    // The program of ingress-nginx has no other source.
    let (settings, _) = read_words("/nginx-ingress-controller --ingress-class=nginx").unwrap();
    assert!(settings.cluster.is_some());
    // Nor another dialect, whatever its class is called and whoever has none.
    let dialect = |words: &str, controller: Option<&str>| {
        let (settings, _) = read_words(words).unwrap();
        settings.source.engine.dialects.of(None, controller).name()
    };
    let own = "--controller-class=example.com/own --watch-ingress-without-class";
    for controller in [Some("example.com/own"), None] {
        let words = format!("/nginx-ingress-controller {own}");
        assert_eq!(dialect(&words, controller), "ingress-nginx");
        assert_eq!(dialect(&format!("{words} --dialect kubernetes"), controller), "kubernetes");
        let named = if controller.is_some() { "ingress-nginx" } else { "kubernetes" };
        assert_eq!(dialect(&format!("--kubernetes {own}"), controller), named, "the flag is ingress-nginx's");
        assert_eq!(dialect(&format!("--kubernetes {own} --dialect tke"), controller), "tke");
    }
    let (settings, notes) = read_words("--file x --kubeconfig y").unwrap();
    assert!(settings.cluster.is_none());
    assert_eq!(notes, ["`--kubeconfig` has no effect: it needs a cluster as the source of manifests"]);
    for wrong in [
        "",
        "--kubeconfig x",
        "--kubernetes --file x",
        "--kubernetes --check",
        "--kubernetes --endpoint a/b:1=127.0.0.1:1",
        "--kubernetes --watch-namespace a --watch-namespace-selector b=c",
    ] {
        assert!(read_words(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn tls_is_spoken_as_the_flags_say() {
    let tls = settings(&[]).tls;
    assert_eq!(format!("{tls:?}"), format!("{:?}", tls::Options::default()));
    let args =
        ["--ssl-protocols", "TLSv1.2", "--ssl-ciphers", "!aNULL:ECDHE-RSA-AES128-GCM-SHA256", "--use-http2=false"];
    let tls = settings(&[&args[..], &["--ssl-reject-handshake"]].concat()).tls;
    assert_eq!((tls.versions, tls.http2, tls.reject_unknown), (Versions::Only12, false, true));
    assert_eq!(tls.suites, Suites::read("ECDHE-RSA-AES128-GCM-SHA256").unwrap());
}

#[test]
fn a_machine_decides_what_flags_leave_open() {
    let pod = ("sys".to_owned(), "proxy-1".to_owned());
    let machine = Machine { cores: 8, has_ipv6: true, in_pod: true, descriptors: 1_024, pod };
    let (settings, _) = read(&["--file", "x"], machine.clone()).unwrap();
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
    assert_eq!(settings.listeners.http, addresses(&["0.0.0.0:80", "[::]:80"]));
    assert_eq!(settings.admin.addresses, addresses(&["0.0.0.0:10254", "[::]:10254"]));
    assert_eq!((settings.workers, settings.config.downstream.max_connections), (8, 56));
    let (settings, _) = read(&["--file", "x", "--max-worker-connections", "5000"], machine).unwrap();
    assert_eq!(settings.config.downstream.max_connections, 5_000);
    let labels = settings.labels;
    assert_eq!(settings.source.engine.counted_routes, labels.max_routes);
    assert_eq!([labels.class, labels.namespace, labels.pod], ["k8s.io/ingress-nginx", "sys", "proxy-1"]);
}

#[test]
fn each_listener_is_announced() {
    let settings = settings(&["--enable-metrics", "--access-log", "off"]);
    let expected = [
        "http on 0.0.0.0:80",
        "https on 0.0.0.0:443",
        "health on 127.0.0.1:10254/healthz and metrics at /metrics",
        "2 workers, default certificate default",
        "access log off, format nginx",
    ];
    assert_eq!(settings.announcement(), expected);
}
