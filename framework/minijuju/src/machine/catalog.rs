//! The unit files below a machine's root: finding, reading, and the links that enable and mask.
//!
//! A unit is read when it is first spoken of and kept until `daemon-reload`, as systemd does it; a unit that was not found is
//! looked for again each time.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::protocol::InstallChange;
use super::unit_file::{self, ServiceUnit};

/// Where unit files live, as the machine sees it; earlier ones win. Changes are made in the first.
const DIRECTORIES: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "lib/systemd/system",
    "usr/lib/systemd/system",
];

/// The units of a machine.
#[derive(Debug)]
pub(crate) struct Catalog {
    root: PathBuf,
    hostname: String,
    loaded: BTreeMap<String, Loaded>,
}

/// A unit that was found.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The unit, or what is wrong with its file.
    pub(crate) unit: Result<ServiceUnit, unit_file::BadUnit>,
    files: Files,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Files {
    /// Path in the machine and text of the unit file, then of its drop-ins.
    texts: Vec<(String, String)>,
}

/// Why there is no unit of a name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("not found")]
    NotFound,
    #[error("masked")]
    Masked,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Catalog {
    pub(crate) fn new(root: &Path, hostname: &str) -> Catalog {
        Catalog {
            root: root.to_owned(),
            hostname: hostname.to_owned(),
            loaded: BTreeMap::new(),
        }
    }

    /// The unit of a name, as it was when it was first read.
    pub(crate) fn load(&mut self, name: &str) -> Result<&Loaded, LoadError> {
        if self.is_masked(name) {
            return Err(LoadError::Masked);
        }
        if !self.loaded.contains_key(name) {
            let files = self.read(name)?;
            let texts: Vec<&str> = files.texts.iter().map(|(_, text)| text.as_str()).collect();
            let unit = unit_file::parse(name, &texts, &self.hostname);
            self.loaded.insert(name.to_owned(), Loaded { unit, files });
        }
        self.loaded.get(name).ok_or(LoadError::NotFound)
    }

    /// Forgets all units, so that they are read again.
    pub(crate) fn reload(&mut self) {
        self.loaded.clear();
    }

    /// Did a unit's files change after they were read?
    pub(crate) fn is_stale(&self, name: &str) -> bool {
        self.loaded
            .get(name)
            .is_some_and(|loaded| self.read(name).ok().as_ref() != Some(&loaded.files))
    }

    /// Paths (as the machine sees them) and texts of a unit's files as they are now.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<(String, String)>, LoadError> {
        self.read(name).map(|files| files.texts)
    }

    pub(crate) fn is_masked(&self, name: &str) -> bool {
        DIRECTORIES
            .iter()
            .any(|dir| std::fs::read_link(self.root.join(dir).join(name)).is_ok_and(|to| to == Path::new("/dev/null")))
    }

    /// `enabled`, `disabled`, `static`, `masked`; empty if there is no such unit.
    pub(crate) fn unit_file_state(&mut self, name: &str) -> &'static str {
        if self.is_masked(name) {
            return "masked";
        }
        let enabled = !self.links(name).is_empty();
        match self.load(name).map(|loaded| &loaded.unit) {
            Err(_) => "",
            Ok(_) if enabled => "enabled",
            Ok(Ok(unit)) if unit.wanted_by.is_empty() => "static",
            Ok(_) => "disabled",
        }
    }

    /// The units that start with the machine, sorted.
    pub(crate) fn enabled(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for dir in self.wants_directories() {
            names.extend(
                list(&self.root.join(DIRECTORIES[0]).join(dir))
                    .into_iter()
                    .filter(|name| name.ends_with(".service")),
            );
        }
        names
    }

    /// Makes or removes links; the lines say which.
    pub(crate) fn install(&mut self, change: InstallChange, name: &str) -> Result<Vec<String>, InstallError> {
        match change {
            InstallChange::Enable => self.enable(name),
            InstallChange::Disable => self.disable(name),
            InstallChange::Mask => self.mask(name),
            InstallChange::Unmask => self.unmask(name),
        }
    }

    fn enable(&mut self, name: &str) -> Result<Vec<String>, InstallError> {
        let (fragment, wanted_by) = match self.load(name) {
            Err(LoadError::Masked) => {
                return Err(InstallError(format!("Unit file /etc/systemd/system/{name} is masked.")));
            }
            Err(LoadError::NotFound) => return Err(InstallError(format!("Unit file {name} does not exist."))),
            Err(LoadError::Io(error)) => return Err(error.into()),
            Ok(loaded) => (
                loaded.files.fragment(),
                loaded
                    .unit
                    .as_ref()
                    .map(|unit| unit.wanted_by.clone())
                    .unwrap_or_default(),
            ),
        };
        let mut lines = Vec::new();
        for target in wanted_by {
            let link = format!("/{}/{target}.wants/{name}", DIRECTORIES[0]);
            let path = self.host(&link);
            if std::fs::symlink_metadata(&path).is_err() {
                fs_err::create_dir_all(self.root.join(DIRECTORIES[0]).join(format!("{target}.wants")))?;
                symlink(&fragment, &path)?;
                lines.push(format!("Created symlink {link} → {fragment}."));
            }
        }
        Ok(lines)
    }

    fn disable(&mut self, name: &str) -> Result<Vec<String>, InstallError> {
        if matches!(self.load(name), Err(LoadError::NotFound)) && self.links(name).is_empty() {
            return Err(InstallError(format!("Unit file {name} does not exist.")));
        }
        let mut lines = Vec::new();
        for link in self.links(name) {
            fs_err::remove_file(self.host(&link))?;
            lines.push(format!("Removed \"{link}\"."));
        }
        Ok(lines)
    }

    fn mask(&mut self, name: &str) -> Result<Vec<String>, InstallError> {
        let link = format!("/{}/{name}", DIRECTORIES[0]);
        let path = self.host(&link);
        if self.is_masked(name) {
            return Ok(Vec::new());
        }
        if path.exists() {
            return Err(InstallError(format!("File {link} already exists.")));
        }
        fs_err::create_dir_all(self.root.join(DIRECTORIES[0]))?;
        symlink("/dev/null", path)?;
        Ok(vec![format!("Created symlink {link} → /dev/null.")])
    }

    fn unmask(&mut self, name: &str) -> Result<Vec<String>, InstallError> {
        if !self.is_masked(name) {
            return Ok(Vec::new());
        }
        let link = format!("/{}/{name}", DIRECTORIES[0]);
        fs_err::remove_file(self.host(&link))?;
        Ok(vec![format!("Removed \"{link}\".")])
    }

    /// The links that enable a unit, as the machine sees them.
    fn links(&self, name: &str) -> Vec<String> {
        let links = self
            .wants_directories()
            .into_iter()
            .map(|dir| format!("/{}/{dir}/{name}", DIRECTORIES[0]));
        links
            .filter(|link| std::fs::symlink_metadata(self.host(link)).is_ok())
            .collect()
    }

    fn wants_directories(&self) -> Vec<String> {
        let names = list(&self.root.join(DIRECTORIES[0]));
        names
            .into_iter()
            .filter(|name| name.ends_with(".wants") || name.ends_with(".requires"))
            .collect()
    }

    fn host(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn read(&self, name: &str) -> Result<Files, LoadError> {
        let template = name.split_once('@').map(|(prefix, _)| format!("{prefix}@.service"));
        let names: Vec<&str> = [Some(name), template.as_deref()].into_iter().flatten().collect();
        let candidates = names
            .iter()
            .flat_map(|name| DIRECTORIES.map(|dir| format!("/{dir}/{name}")));
        let mut texts = Vec::new();
        for path in candidates {
            if let Some(text) = read_if_there(&self.host(&path))? {
                texts.push((path, text));
                break;
            }
        }
        if texts.is_empty() {
            return Err(LoadError::NotFound);
        }
        for path in self.drop_ins(&names) {
            texts.extend(read_if_there(&self.host(&path))?.map(|text| (path, text)));
        }
        Ok(Files { texts })
    }

    /// Drop-ins in the order of their file names; of two with one name, the first directory's counts.
    fn drop_ins(&self, names: &[&str]) -> Vec<String> {
        let mut found = BTreeMap::new();
        for name in names {
            for dir in DIRECTORIES {
                for file in list(&self.root.join(dir).join(format!("{name}.d"))) {
                    if file.ends_with(".conf") {
                        found.entry(file.clone()).or_insert(format!("/{dir}/{name}.d/{file}"));
                    }
                }
            }
        }
        found.into_values().collect()
    }
}

impl Files {
    fn fragment(&self) -> String {
        self.texts.first().map(|(path, _)| path.clone()).unwrap_or_default()
    }
}

impl Loaded {
    /// The unit file's path in the machine.
    pub(crate) fn fragment(&self) -> String {
        self.files.fragment()
    }

    /// The paths of the drop-ins in the machine.
    pub(crate) fn drop_ins(&self) -> Vec<String> {
        self.files.texts.iter().skip(1).map(|(path, _)| path.clone()).collect()
    }
}

/// Why a link could not be made or removed; systemd's text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InstallError(pub(crate) String);

impl From<io::Error> for InstallError {
    fn from(error: io::Error) -> Self {
        InstallError(error.to_string())
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The names in a directory, sorted; none if it cannot be read.
fn list(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=multi-user.target\n";

    fn catalog(files: &[(&str, &str)]) -> (tempfile::TempDir, Catalog) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let catalog = Catalog::new(dir.path(), "host");
        (dir, catalog)
    }

    fn unit(catalog: &mut Catalog, name: &str) -> ServiceUnit {
        catalog.load(name).unwrap().unit.clone().unwrap()
    }

    #[test]
    fn etc_wins_over_lib_and_drop_ins_apply_in_order_of_their_names() {
        let (_dir, mut catalog) = catalog(&[
            ("lib/systemd/system/a.service", "[Service]\nExecStart=/bin/lib\n"),
            ("etc/systemd/system/a.service", UNIT),
            ("lib/systemd/system/a.service.d/20.conf", "[Service]\nRestart=always\n"),
            (
                "etc/systemd/system/a.service.d/10.conf",
                "[Service]\nRestart=no\nKillSignal=INT\n",
            ),
            ("etc/systemd/system/a.service.d/README", "nothing"),
        ]);
        let unit = unit(&mut catalog, "a.service");
        assert_eq!(unit.start[0].words, ["/bin/a"]);
        assert_eq!((unit.restart, unit.kill_signal), (unit_file::Restart::Always, 2));
        let loaded = catalog.load("a.service").unwrap();
        assert_eq!(loaded.fragment(), "/etc/systemd/system/a.service");
        assert_eq!(loaded.drop_ins().len(), 2);
    }

    #[test]
    fn a_change_needs_a_reload_but_a_new_unit_does_not() {
        let (dir, mut catalog) = catalog(&[("etc/systemd/system/a.service", UNIT)]);
        assert!(matches!(catalog.load("b.service"), Err(LoadError::NotFound)));
        fs_err::write(dir.path().join("etc/systemd/system/b.service"), UNIT).unwrap();
        assert_eq!(unit(&mut catalog, "b.service").kill_signal, 15);
        fs_err::write(
            dir.path().join("etc/systemd/system/b.service"),
            "[Service]\nExecStart=/bin/a\nKillSignal=2\n",
        )
        .unwrap();
        assert_eq!(unit(&mut catalog, "b.service").kill_signal, 15);
        assert!(catalog.is_stale("b.service") && !catalog.is_stale("a.service"));
        catalog.reload();
        assert_eq!(unit(&mut catalog, "b.service").kill_signal, 2);
    }

    #[test]
    fn links_enable_and_mask() {
        let (_dir, mut catalog) = catalog(&[
            ("lib/systemd/system/a.service", UNIT),
            ("etc/systemd/system/s.service", "[Service]\nExecStart=/bin/a\n"),
        ]);
        assert_eq!(
            ["a.service", "s.service", "x.service"].map(|name| catalog.unit_file_state(name)),
            ["disabled", "static", ""]
        );
        let lines = catalog.install(InstallChange::Enable, "a.service").unwrap();
        let link = "/etc/systemd/system/multi-user.target.wants/a.service";
        assert_eq!(
            lines,
            [format!("Created symlink {link} → /lib/systemd/system/a.service.")]
        );
        assert_eq!(catalog.unit_file_state("a.service"), "enabled");
        assert_eq!(catalog.enabled(), BTreeSet::from(["a.service".to_owned()]));
        catalog.install(InstallChange::Mask, "a.service").unwrap();
        assert_eq!(catalog.unit_file_state("a.service"), "masked");
        assert!(matches!(catalog.load("a.service"), Err(LoadError::Masked)));
        catalog.install(InstallChange::Unmask, "a.service").unwrap();
        assert_eq!(
            catalog.install(InstallChange::Disable, "a.service").unwrap(),
            [format!("Removed \"{link}\".")]
        );
        assert_eq!(catalog.unit_file_state("a.service"), "disabled");
        let error = catalog
            .install(InstallChange::Mask, "s.service")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "File /etc/systemd/system/s.service already exists.");
        let error = catalog
            .install(InstallChange::Enable, "x.service")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "Unit file x.service does not exist.");
    }

    #[test]
    fn an_instance_is_read_from_its_template() {
        let (_dir, mut catalog) = catalog(&[("etc/systemd/system/a@.service", "[Service]\nExecStart=/bin/a %i\n")]);
        assert_eq!(unit(&mut catalog, "a@1.service").start[0].words, ["/bin/a", "1"]);
    }
}
