//! The `.charm` archive: an ordinary zip of the charm's files.

use std::path::{Path, PathBuf};
