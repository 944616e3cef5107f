use ::tests::TemporaryFolder;
use proptest::proptest;

use super::*;

const ID: &str = "41c0f3db99faf2bc58106448618b8742145fa9a9bcfb21ec222eb86a76bec50c";
const OTHER: &str = "94ee48f20b28190fe7335d9f7888fe3ad5a39f9ffafd3a39063617863513a234";

/// A host's root with files in it.
fn host(files: &[(&str, &str)]) -> TemporaryFolder {
    let root = TemporaryFolder::new("bundles").unwrap();
    for (path, text) in files {
        let path = root.path().join(path.replace("ID", ID));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

fn bundles(root: &TemporaryFolder, arguments: &[&str]) -> Bundles {
    let command = <RuntimeArgs as clap::Args>::augment_args(clap::Command::new("test"));
    let matches = command.get_matches_from(["test"].iter().chain(arguments));
    let args = <RuntimeArgs as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
    let labelling = <Labelling as clap::Args>::augment_args(clap::Command::new("test"));
    let matches = labelling.get_matches_from(["test"]);
    let labelling = <Labelling as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
    Bundles::new(&args, root.path(), labelling)
}

fn label<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    let name = format!("container_label_{name}");
    let mut labels = container.labels.iter();
    labels.find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

const POD: &str = r#"{"ociVersion":"1.1.0","process":{"env":["TOKEN=hunter2"]},"annotations":{
    "io.kubernetes.cri.container-name":"web","io.kubernetes.cri.container-type":"container",
    "io.kubernetes.cri.image-name":"docker.io/library/nginx:1.27",
    "io.kubernetes.cri.sandbox-name":"shop-7d9","io.kubernetes.cri.sandbox-namespace":"default",
    "io.kubernetes.cri.sandbox-uid":"5f0c"}}"#;

#[test]
fn a_container_without_network_of_its_own_has_the_hosts() {
    let mode = |text: &str| {
        config::parse(text.as_bytes(), "x", &Labelling::default()).unwrap().network_mode
    };
    assert_eq!(mode(r#"{"linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]}}"#), "host");
    let own = r#"{"linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/x"}]}}"#;
    assert_eq!(mode(own), "");
    assert_eq!(mode(r#"{"linux":{"namespaces":[]}}"#), "", "a virtual machine tells nothing");
    assert_eq!(mode("{}"), "");
}

#[test]
fn a_pods_container_of_containerd_has_name_image_and_pod() {
    let folder = "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID";
    let root =
        host(&[(&format!("{folder}/config.json"), POD), (&format!("{folder}/init.pid"), "4711")]);
    let found = bundles(&root, &[]).find(ID).unwrap();
    assert_eq!((found.runtime, found.name.as_str()), ("containerd", "web"));
    assert_eq!((found.image.as_str(), found.pid), ("docker.io/library/nginx:1.27", Some(4711)));
    assert_eq!(label(&found, "io_kubernetes_pod_name"), Some("shop-7d9"));
    assert_eq!(label(&found, "io_kubernetes_pod_namespace"), Some("default"));
    assert_eq!(label(&found, "io_kubernetes_container_name"), Some("web"));
    assert!(found.has_foreign_network && found.created_seconds.is_some());
    assert!(!format!("{found:?}").contains("hunter2"));
    assert!(bundles(&root, &["--containerd-namespace=k8s.io"]).find(ID).is_some());
    assert!(bundles(&root, &["--containerd-namespace=other"]).find(ID).is_none());
    assert!(bundles(&root, &["--containerd="]).find(ID).is_none());
    assert!(bundles(&root, &[]).find(OTHER).is_none());
}

#[test]
fn dockers_containers_are_left_to_docker_and_others_without_a_name_have_their_id() {
    let tasks = "run/containerd/io.containerd.runtime.v2.task";
    let root = host(&[(&format!("{tasks}/moby/ID/config.json"), "{}")]);
    assert_eq!(bundles(&root, &[]).find(ID), None);
    let root = host(&[(&format!("{tasks}/default/ID/config.json"), "{}")]);
    assert_eq!(bundles(&root, &[]).find(ID).unwrap().name, ID);
    let nerdctl = r#"{"annotations":{"nerdctl/name":"db"}}"#;
    let root = host(&[(&format!("{tasks}/default/ID/config.json"), nerdctl)]);
    let found = bundles(&root, &[]).find(ID).unwrap();
    assert!(found.name == "db" && !found.has_foreign_network, "{found:?}");
}

#[test]
fn containers_of_crio_have_their_labels_and_restarts() {
    let config = r#"{"annotations":{"io.kubernetes.cri-o.Name":"k8s_web_shop-7d9_default_5f0c_2",
        "io.kubernetes.cri-o.ImageName":"quay.io/web:2","io.kubernetes.cri-o.Created":
        "2026-11-24T04:49:07.905978196Z","io.kubernetes.container.restartCount":"2",
        "io.kubernetes.cri-o.ContainerType":"sandbox",
        "io.kubernetes.cri-o.Labels":"{\"io.kubernetes.pod.name\":\"shop-7d9\",\"app\":\"web\"}"}}"#;
    let folder = "run/containers/storage/overlay-containers/ID/userdata";
    let root = host(&[
        (&format!("{folder}/config.json"), config),
        (&format!("{folder}/pidfile"), "4711\n"),
    ]);
    let found = bundles(&root, &[]).find(ID).unwrap();
    assert_eq!((found.runtime, found.name.as_str()), ("crio", "k8s_web_shop-7d9_default_5f0c_2"));
    assert_eq!((found.image.as_str(), found.restarts), ("quay.io/web:2", Some(2)));
    assert_eq!((label(&found, "app"), label(&found, "restartcount")), (Some("web"), Some("2")));
    assert_eq!((found.created_seconds, found.pid), (Some(1_795_495_747.0), Some(4711)));
    assert!(!found.has_foreign_network, "the pod's own container reports its network");
}

#[test]
fn containers_of_podman_are_named_by_the_list_of_the_storage() {
    let list = format!(
        r#"[{{"id":"{OTHER}"}},{{"id":"{ID}","names":["db"],"created":"2026-11-24T04:49:07Z",
            "metadata":"{{\"image-name\":\"docker.io/library/redis:8\",\"name\":\"db\"}}"}}]"#
    );
    let root = host(&[
        ("run/containers/storage/overlay-containers/ID/userdata/config.json", "{}"),
        ("var/lib/containers/storage/overlay-containers/containers.json", &list),
    ]);
    let bundles = bundles(&root, &[]);
    let found = bundles.find(ID).unwrap();
    assert_eq!((found.runtime, found.name.as_str()), ("podman", "db"));
    assert_eq!(found.image, "docker.io/library/redis:8");
    assert_eq!(found.created_seconds, Some(1_795_495_747.0));
    std::fs::remove_dir_all(root.path()).unwrap();
    assert!(bundles.find(ID).is_some(), "what was read is kept");
    bundles.keep_only(|_| false);
    assert!(bundles.find(ID).is_none(), "until its cgroup goes");
}

#[test]
fn malformed_files_are_errors_with_their_path_and_cost_only_the_name() {
    let path = "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json";
    for text in ["", "{", "7", r#"{"annotations":7}"#] {
        let root = host(&[(path, text)]);
        let error = bundles(&root, &[]).read(ID).unwrap_err().to_string();
        assert!(error.contains("k8s.io") && error.contains("config.json: "), "{error}");
        assert_eq!(bundles(&root, &[]).find(ID), None);
    }
    let labels = r#"{"annotations":{"io.kubernetes.cri-o.Labels":"x"}}"#;
    assert!(config::parse(labels.as_bytes(), ID, &Labelling::default()).is_err());
    let list = format!(r#"[{{"id":"{ID}","metadata":"x"}}]"#);
    assert!(list::parse(list.as_bytes(), ID).is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, json in r#"\{"annotations":\{"[a-z./-]*":"[^"\\]*"\}\}"#) {
        for text in [bytes.as_slice(), json.as_bytes()] {
            let _ = (config::parse(text, ID, &Labelling::default()), list::parse(text, ID));
        }
    }
}
