//! Volumes of ConfigMaps, as kubelets write them.

use super::*;

#[test]
fn a_config_map_volume_swaps_all_at_once() {
    let folder = Folder::new();
    for (version, service) in [("..1", "one"), ("..2", "two")] {
        folder.write(&format!("{version}/a.yaml"), &ingress("a", "a.example", service));
        folder.write(&format!("{version}/b.yaml"), &ingress("b", "b.example", service));
    }
    symlink("..1", folder.path("..data")).unwrap();
    symlink("..data/a.yaml", folder.path("a.yaml")).unwrap();
    symlink("..data/b.yaml", folder.path("b.yaml")).unwrap();
    let directory = Followed::new(std::slice::from_ref(&folder.0));
    let file = Followed::new(&[folder.path("b.yaml")]);
    assert_eq!(directory.routes(), ["a.example one", "b.example one"]);
    symlink("..2", folder.path("..data_tmp")).unwrap();
    fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    directory.wait_for(&["a.example two", "b.example two"]);
    file.wait_for(&["b.example two"]);
}

#[test]
fn a_version_of_a_config_map_is_not_read_before_it_is_in_force() {
    let folder = Folder::new();
    folder.write("..1/a.yaml", &ingress("a", "a.example", "one"));
    symlink("..1", folder.path("..data")).unwrap();
    symlink("..data/a.yaml", folder.path("a.yaml")).unwrap();
    let source = Followed::new(std::slice::from_ref(&folder.0));
    for (old, new, before, after) in [("..1", "..2", "one", "two"), ("..2", "..3", "two", "three")] {
        let [before, after] = [before, after].map(|service| format!("a.example {service}"));
        // As kubelets do: the directory, what is in it, the link, and then the old one goes. Another file comes and goes to
        // show that what happened before has been seen.
        let seen = || {
            folder.write("z.yaml", &ingress("z", "z.example", "one"));
            source.wait_for(&[&before, "z.example one"]);
            fs::remove_file(folder.path("z.yaml")).unwrap();
            source.wait_for(&[&before]);
        };
        fs::create_dir(folder.path(new)).unwrap();
        seen();
        let (_, service) = after.split_once(' ').unwrap();
        fs::write(folder.path(new).join("a.yaml"), ingress("a", "a.example", service)).unwrap();
        fs::write(folder.path(new).join("b.yaml"), ingress("b", "b.example", service)).unwrap();
        seen();
        symlink(new, folder.path("..data_tmp")).unwrap();
        fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
        source.wait_for(&[&after]);
        fs::remove_dir_all(folder.path(old)).unwrap();
    }
    let twice = source.ear.lines_with("ING0105");
    assert_eq!(twice, 0, "{:?}", source.ear.told());
}

/// It is complete as soon as it is there: nobody closes it.
#[test]
fn another_name_of_a_file_is_read_at_once() {
    let (folder, outside) = (Folder::new(), Folder::new());
    outside.write("a.yaml", &ingress("a", "a.example", "one"));
    let source = Followed::new(std::slice::from_ref(&folder.0));
    fs::hard_link(outside.path("a.yaml"), folder.path("a.yaml")).unwrap();
    source.wait_for(&["a.example one"]);
}

#[test]
fn a_link_to_a_directory_is_that_directory() {
    let (folder, outside) = (Folder::new(), Folder::new());
    symlink(&outside.0, folder.path("current")).unwrap();
    let source = Followed::new(&[folder.path("current")]);
    outside.write("a.yaml", &ingress("a", "a.example", "one"));
    source.wait_for(&["a.example one"]);
    fs::remove_file(outside.path("a.yaml")).unwrap();
    source.wait_for(&[]);
}
