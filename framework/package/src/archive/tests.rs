//! Archives made well and archives made with bad intent.

use super::*;
use std::os::unix::fs::MetadataExt;

fn bytes(path: &str, text: &str, executable: bool) -> Entry {
    Entry {
        path: path.to_owned(),
        content: Content::Bytes {
            bytes: text.as_bytes().to_vec(),
            executable,
        },
    }
}

fn link(path: &str, target: &str) -> Entry {
    Entry {
        path: path.to_owned(),
        content: Content::Symlink(target.to_owned()),
    }
}

fn mode(path: &Path) -> u32 {
    fs_err::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// A zip written without our checks.
fn raw(dir: &Path, build: impl FnOnce(&mut ZipWriter<File>, SimpleFileOptions)) -> PathBuf {
    let path = dir.join("raw.charm");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    build(&mut zip, SimpleFileOptions::default().unix_permissions(0o644));
    zip.finish().unwrap();
    path
}

#[track_caller]
fn refused(build: impl FnOnce(&mut ZipWriter<File>, SimpleFileOptions)) -> String {
    let temp = tempfile::tempdir().unwrap();
    let archive = raw(temp.path(), build);
    let out = temp.path().join("deep/er/out");
    let error = unpack(&archive, &out).unwrap_err();
    error.to_string()
}

#[test]
fn what_is_packed_comes_out_again() {
    let temp = tempfile::tempdir().unwrap();
    let archive = temp.path().join("x.charm");
    let entries = vec![
        bytes("bin/x", "#!", true),
        bytes("metadata.yaml", "name: x", false),
        link("hooks/install", "../bin/x"),
    ];
    pack(entries, &archive).unwrap();
    let out = temp.path().join("out");
    let manifest = unpack(&archive, &out).unwrap();
    assert_eq!(manifest, ["bin/x", "hooks/install", "metadata.yaml"].map(PathBuf::from));
    assert_eq!(fs_err::read_to_string(out.join("hooks/install")).unwrap(), "#!");
    assert_eq!(mode(&out.join("bin/x")), 0o755);
    assert_eq!(mode(&out.join("metadata.yaml")), 0o644);
    assert!(out.join("hooks/install").is_symlink());
}

#[test]
fn equal_entries_give_equal_bytes() {
    let temp = tempfile::tempdir().unwrap();
    let (a, b) = (temp.path().join("a"), temp.path().join("b"));
    pack(vec![bytes("x", "1", false), bytes("y", "2", true)], &a).unwrap();
    pack(vec![bytes("y", "2", true), bytes("x", "1", false)], &b).unwrap();
    assert_eq!(fs_err::read(a).unwrap(), fs_err::read(b).unwrap());
    assert_eq!(
        fs_err::read_dir(temp.path()).unwrap().count(),
        2,
        "no temporary file stays"
    );
}

#[test]
fn a_directory_is_packed_without_version_control_and_with_normal_modes() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("charm");
    for sub in [".git", "hooks", "empty"] {
        fs_err::create_dir_all(dir.join(sub)).unwrap();
    }
    fs_err::write(dir.join(".git/config"), "secret").unwrap();
    fs_err::write(dir.join("hooks/install"), "#!/bin/sh").unwrap();
    fs_err::set_permissions(dir.join("hooks/install"), PermissionsExt::from_mode(0o700)).unwrap();
    fs_err::write(dir.join("a"), "a").unwrap();
    fs_err::set_permissions(dir.join("a"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink("hooks/install", dir.join("link")).unwrap();
    let archive = temp.path().join("x.charm");
    let paths = pack_dir(&dir, &archive).unwrap();
    assert_eq!(
        paths,
        ["a", "empty", "hooks", "hooks/install", "link"].map(PathBuf::from)
    );
    let out = temp.path().join("out");
    unpack(&archive, &out).unwrap();
    assert_eq!((mode(&out.join("a")), mode(&out.join("hooks/install"))), (0o644, 0o755));
    assert!(out.join("empty").is_dir());
    assert!(!out.join(".git").exists());
}

#[test]
fn packing_refuses_bad_names_links_and_special_files() {
    let temp = tempfile::tempdir().unwrap();
    let out = temp.path().join("x.charm");
    let text = |entries| pack(entries, &out).unwrap_err().to_string();
    assert_eq!(
        text(vec![bytes("../x", "", false)]),
        "cannot use archive member \"../x\": not a path inside the charm"
    );
    assert_eq!(
        text(vec![bytes("a", "", false), bytes("./a", "", false)]),
        "cannot use archive member \"a\": the name is taken"
    );
    assert_eq!(text(vec![link("a", "/x")]), "symlink \"a\" is absolute: \"/x\"");
    assert_eq!(
        text(vec![link("h/a", "../../x")]),
        "symlink \"h/a\" links out of charm: \"../../x\""
    );
    assert!(!out.exists());
    let dir = temp.path().join("charm");
    fs_err::create_dir(&dir).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.join("s")).unwrap();
    assert_eq!(pack_dir(&dir, &out).unwrap_err().to_string(), "file is a socket: \"s\"");
}

#[test]
fn unpacking_refuses_names_that_climb_out() {
    for name in ["../evil", "a/../../evil", "/etc/evil", "a\\..\\evil"] {
        let text = refused(|zip, options| zip.start_file(name, options).unwrap());
        assert!(text.contains("not a path inside the charm"), "{name}: {text}");
    }
}

#[test]
fn unpacking_refuses_links_that_lead_out() {
    assert_eq!(
        refused(|zip, o| zip.add_symlink("a", "/x", o).unwrap()),
        "symlink \"a\" is absolute: \"/x\""
    );
    assert_eq!(
        refused(|zip, o| zip.add_symlink("a/b", "../../x", o).unwrap()),
        "symlink \"a/b\" links out of charm: \"../../x\""
    );
    // Each link is harmless by its text; one through the other leads out.
    let text = refused(|zip, o| {
        zip.add_directory("z", o).unwrap();
        zip.add_symlink("p/q/a", "../../z", o).unwrap();
        zip.add_symlink("p/q/b", "a/../..", o).unwrap();
    });
    assert_eq!(text, "symlink \"p/q/b\" links out of charm: \"a/../..\"");
}

#[test]
fn nothing_is_written_through_a_link() {
    let text = refused(|zip, o| {
        zip.add_symlink("d", "elsewhere", o).unwrap();
        zip.start_file("d/x", o).unwrap();
    });
    assert_eq!(text, "cannot use archive member \"d/x\": the name is taken");
    // Nor through one that was there before.
    let temp = tempfile::tempdir().unwrap();
    let (out, outside) = (temp.path().join("out"), temp.path().join("outside"));
    fs_err::create_dir(&out).unwrap();
    fs_err::create_dir(&outside).unwrap();
    symlink(&outside, out.join("d")).unwrap();
    let archive = raw(temp.path(), |zip, o| zip.start_file("d/x", o).unwrap());
    unpack(&archive, &out).unwrap();
    assert!(!outside.join("x").exists());
    assert!(out.join("d/x").exists());
}

#[test]
fn special_files_are_refused() {
    // 0o010644 in the high half of the external attributes: a named pipe.
    let temp = tempfile::tempdir().unwrap();
    let archive = raw(temp.path(), |zip, o| zip.start_file("p", o).unwrap());
    let mut data = fs_err::read(&archive).unwrap();
    let at = data.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    data[at + 40..at + 42].copy_from_slice(&0o010_644_u16.to_le_bytes());
    fs_err::write(&archive, data).unwrap();
    assert_eq!(
        unpack(&archive, &temp.path().join("out")).unwrap_err().to_string(),
        "file is a named pipe: \"p\""
    );
}

#[test]
fn a_size_that_lies_is_found_out() {
    let temp = tempfile::tempdir().unwrap();
    let archive = raw(temp.path(), |zip, o| {
        zip.start_file("big", o).unwrap();
        zip.write_all(&[0; 10_000]).unwrap();
    });
    let mut data = fs_err::read(&archive).unwrap();
    let at = data.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    data[at + 24..at + 28].copy_from_slice(&10_u32.to_le_bytes());
    fs_err::write(&archive, &data).unwrap();
    assert!(unpack(&archive, &temp.path().join("out")).is_err());
    data[at + 24..at + 28].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    fs_err::write(&archive, &data).unwrap();
    assert!(unpack(&archive, &temp.path().join("out2")).is_err());
}

#[test]
fn permission_bits_are_kept_and_hooks_can_be_run() {
    let temp = tempfile::tempdir().unwrap();
    let archive = raw(temp.path(), |zip, o| {
        zip.start_file("hooks/install", o).unwrap();
        zip.start_file("hooks/db-relation-joined", o).unwrap();
        zip.start_file("hooks/lib.sh", o).unwrap();
        zip.start_file("dispatch", o).unwrap();
        zip.start_file("key", o.unix_permissions(0o4600)).unwrap();
    });
    let out = temp.path().join("out");
    unpack(&archive, &out).unwrap();
    let modes = [
        "hooks/install",
        "hooks/db-relation-joined",
        "hooks/lib.sh",
        "dispatch",
        "key",
    ]
    .map(|path| mode(&out.join(path)));
    assert_eq!(modes, [0o744, 0o744, 0o644, 0o644, 0o600]);
}

#[test]
fn unpacking_again_replaces_files() {
    let temp = tempfile::tempdir().unwrap();
    let (archive, out) = (temp.path().join("x.charm"), temp.path().join("out"));
    pack(vec![bytes("a", "old and longer", false), link("l", "a")], &archive).unwrap();
    unpack(&archive, &out).unwrap();
    pack(vec![bytes("a", "new", true), bytes("l", "file now", false)], &archive).unwrap();
    unpack(&archive, &out).unwrap();
    assert_eq!(fs_err::read_to_string(out.join("a")).unwrap(), "new");
    assert!(!out.join("l").is_symlink());
    assert_eq!(mode(&out.join("a")), 0o755);
}

#[test]
fn a_file_that_is_no_zip_is_said_to_be_none() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("x.charm");
    fs_err::write(&path, "not a zip").unwrap();
    let text = unpack(&path, temp.path()).unwrap_err().to_string();
    assert!(text.starts_with("cannot read charm archive: "), "{text}");
}
