//! `scp`: copies between this machine and the roots of the model's machines.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use super::args::{Global, Scp};
use super::failure::Failure;
use super::session::Session;
use super::ssh;

/// Options of scp that take a value; it is of no use here.
const WITH_VALUE: &str = "cDFiJloPSX";

/// `scp`
pub(crate) fn scp(global: &Global, args: &Scp) -> Result<(), Failure> {
    let options = Options::parse(&args.words)?;
    let mut session = None;
    let mut resolve = |place: &str| -> Result<PathBuf, Failure> {
        let Some((target, path)) = remote(place) else {
            return Ok(place.into());
        };
        if session.is_none() {
            session = Some(Session::open(global)?);
        }
        let Some(session) = session.as_mut() else {
            return Err(Failure::new("no session"));
        };
        let target = ssh::find(session, target)?;
        Ok(in_machine(&target.root, path))
    };
    let sources = options
        .sources
        .iter()
        .map(|source| resolve(source))
        .collect::<Result<Vec<_>, _>>()?;
    let destination = resolve(&options.destination)?;
    let into_directory = destination.is_dir() || options.destination.ends_with('/');
    if sources.len() > 1 && !into_directory {
        return Err(Failure::new(format!("{}: Not a directory", destination.display())));
    }
    for source in &sources {
        let to = match source.file_name() {
            Some(name) if into_directory => destination.join(name),
            _ => destination.clone(),
        };
        copy(source, &to, options.recursive)?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    recursive: bool,
    sources: Vec<String>,
    destination: String,
}

impl Options {
    fn parse(words: &[String]) -> Result<Options, Failure> {
        let mut recursive = false;
        let mut places = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                None => places.push(word.clone()),
                Some("-") => {}
                Some(letters) => {
                    recursive |= letters.contains('r');
                    if letters.len() == 1 && WITH_VALUE.contains(letters) {
                        words.next();
                    }
                }
            }
        }
        match places.pop() {
            Some(destination) if !places.is_empty() => Ok(Options {
                recursive,
                sources: places,
                destination,
            }),
            _ => Err(Failure::usage("at least two arguments required")),
        }
    }
}

/// `etcd/0:x` is remote; `./a:b` and `/a:b` are not.
fn remote(place: &str) -> Option<(&str, &str)> {
    place.split_once(':').filter(|_| !place.starts_with(['.', '/', '~']))
}

/// Relative to the user's home; absolute is below the machine's root.
fn in_machine(root: &Path, path: &str) -> PathBuf {
    let path = path.strip_prefix("~/").unwrap_or(path);
    match path.strip_prefix('/') {
        Some(absolute) => root.join(absolute),
        None => root.join("home/ubuntu").join(path),
    }
}

fn copy(from: &Path, to: &Path, recursive: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format!("scp: {}: No such file or directory", from.display())),
        _ => Failure::new(format!("scp: {}: {error}", from.display())),
    };
    let metadata = std::fs::metadata(from).map_err(failed)?;
    if !metadata.is_dir() {
        return copy_file(from, to).map_err(failed);
    }
    if !recursive {
        return Err(Failure::new(format!("scp: {}: not a regular file", from.display())));
    }
    copy_tree(from, to, &metadata).map_err(|error| Failure::new(format!("scp: {error}")))
}

/// Contents and permission bits.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::copy(from, to).map(|_| ())
}

fn copy_tree(from: &Path, to: &Path, metadata: &Metadata) -> io::Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let metadata = fs_err::metadata(&from)?;
        if metadata.is_dir() {
            copy_tree(&from, &to, &metadata)?
        } else {
            fs_err::copy(&from, &to).map(|_| ())?
        }
    }
    fs_err::set_permissions(to, metadata.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn places_are_local_or_remote() {
        assert_eq!(remote("etcd/0:x"), Some(("etcd/0", "x")));
        assert_eq!(remote("ubuntu@0:/etc/x"), Some(("ubuntu@0", "/etc/x")));
        for place in ["./a:b", "/a:b", "a"] {
            assert_eq!(remote(place), None, "{place}");
        }
        let root = Path::new("/r");
        assert_eq!(in_machine(root, "x"), Path::new("/r/home/ubuntu/x"));
        assert_eq!(in_machine(root, "/etc/x"), Path::new("/r/etc/x"));
        assert_eq!(in_machine(root, ""), Path::new("/r/home/ubuntu/"));
    }

    #[test]
    fn options_may_stand_before_the_places() {
        let words = ["-r", "-o", "X=y", "--", "a", "b", "etcd/0:c"].map(str::to_owned);
        let options = Options::parse(&words).unwrap();
        let sources = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            options,
            Options {
                recursive: true,
                sources,
                destination: "etcd/0:c".into()
            }
        );
        assert_eq!(Options::parse(&["a".to_owned()]).unwrap_err().code, 2);
    }

    #[test]
    fn trees_are_copied_with_their_modes() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs_err::create_dir_all(from.join("sub")).unwrap();
        fs_err::write(from.join("sub/x"), "1").unwrap();
        fs_err::set_permissions(from.join("sub/x"), std::fs::Permissions::from_mode(0o750)).unwrap();
        assert!(
            copy(&from, &to, false)
                .unwrap_err()
                .text
                .ends_with("not a regular file")
        );
        copy(&from, &to, true).unwrap();
        assert_eq!(
            fs_err::metadata(to.join("sub/x")).unwrap().permissions().mode() & 0o777,
            0o750
        );
        assert!(
            copy(&from.join("y"), &to, false)
                .unwrap_err()
                .text
                .ends_with("No such file or directory")
        );
    }
}
