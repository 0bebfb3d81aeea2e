//! The smallest charm that uses most of what the daemon offers: shell scripts that call hook tools.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

const METADATA: &str = "
name: demo
summary: A charm of shell scripts
description: Greets, and tells its peers that it is here.
peers:
  cluster:
    interface: demo
";

const CONFIG: &str = "
options:
  greeting:
    type: string
    default: hi
    description: What to say.
  fail:
    type: boolean
    default: false
    description: Fail in config-changed.
  reboot:
    type: boolean
    default: false
    description: Reboot in config-changed, once.
  hold:
    type: boolean
    default: false
    description: Wait in config-changed for a file.
";

const ACTIONS: &str = "
greet:
  description: Say something.
  params:
    name:
      type: string
      default: nobody
  required: [name]
  additionalProperties: false
break:
  description: Fail.
";

const MANIFEST: &str = "
bases:
- name: ubuntu
  channel: 22.04/stable
  architectures: [amd64]
";

/// Every hook is this script; `@DIR@` is the test's directory.
const HOOK: &str = r#"#!/bin/bash
set -eu
echo "$JUJU_UNIT_NAME $JUJU_HOOK_NAME" >> @DIR@/trace
rid=$(relation-ids cluster)
case "$JUJU_HOOK_NAME" in
install)
    echo to stdout
    echo to stderr >&2
    test "$(env | grep -c '^HOME=')" = 0
    juju-log "installing in the hook's environment"
    ;;
config-changed)
    if [ "$(config-get hold)" = True ]; then
        relation-set -r $rid held=true
        echo $$ > @DIR@/holding
        while [ ! -e @DIR@/release ]; do sleep 0.1; done
    fi
    if [ "$(config-get reboot)" = True ] && [ ! -e @DIR@/rebooted ]; then
        touch @DIR@/rebooted
        juju-reboot --now
        sleep 60
    fi
    if [ "$(config-get fail)" = True ]; then
        relation-set -r $rid failed=yes
        exit 1
    fi
    relation-set -r $rid word=here
    ;;
stop|remove)
    exit 0
    ;;
esac
peers=
for unit in $(relation-list -r $rid); do
    peers="$peers $unit=$(relation-get -r $rid word $unit)"
done
status-set active "$(config-get greeting); peers:$peers"
"#;

const HOOKS: [&str; 11] = [
    "install",
    "upgrade-charm",
    "start",
    "config-changed",
    "leader-elected",
    "cluster-relation-created",
    "cluster-relation-joined",
    "cluster-relation-changed",
    "cluster-relation-departed",
    "stop",
    "remove",
];

/// Writes the charm and returns its directory.
pub(crate) fn write(dir: &Path) -> PathBuf {
    let charm = dir.join("charm");
    put(&charm.join("metadata.yaml"), METADATA, 0o644);
    put(&charm.join("config.yaml"), CONFIG, 0o644);
    put(&charm.join("actions.yaml"), ACTIONS, 0o644);
    put(&charm.join("manifest.yaml"), MANIFEST, 0o644);
    put(
        &charm.join("hooks/all"),
        &HOOK.replace("@DIR@", &dir.display().to_string()),
        0o755,
    );
    for hook in HOOKS {
        symlink("all", charm.join("hooks").join(hook)).unwrap();
    }
    let greet = "#!/bin/sh\naction-log 'about to speak'\naction-set greeting=\"$(config-get greeting) $(action-get name)\"\necho said it\n";
    put(&charm.join("actions/greet"), greet, 0o755);
    put(
        &charm.join("actions/break"),
        "#!/bin/sh\naction-fail 'no such luck'\n",
        0o755,
    );
    charm
}

fn put(path: &Path, text: &str, mode: u32) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
