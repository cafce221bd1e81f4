//! A minimal Debian of its own, as a newcomer's machine: a root directory with
//! what `mmdebstrap` puts there and a few packages, made once. Each session in it
//! has a layer over it, so that nothing stays.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Key, Scratch, make, once, scratch};
use crate::run::check;
use crate::tools::tools;

const RELEASE: &str = "bookworm";

/// What is done in a session: a layer over the root, with a `/proc` of its own;
/// then the words that follow are run in it.
const ENTER: &str = r#"
set -e
root=$1; layer=$2
shift 2
mount -t overlay overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
mount -t proc proc "$layer/root/proc"
exec chroot "$layer/root" "$@"
"#;

/// A minimal Debian.
#[derive(Debug)]
pub struct BareRoot {
    root: PathBuf,
    layer: Scratch,
}

impl BareRoot {
    /// One with these packages, which it fetches by their names.
    ///
    /// # Panics
    /// If it cannot be made: by root alone, on a machine with Debian's tools.
    pub fn with(packages: &[&str]) -> Self {
        let packages = packages.join(",");
        let key = Key::new("bare root").text(RELEASE).text(&packages);
        let directory = once("bare-root", &key, |directory| {
            let mut command = tools().mmdebstrap.command();
            command.args(["--quiet", "--variant=minbase"]);
            command.arg(format!("--include={packages}"));
            check(command.arg(RELEASE).arg(directory.join("root")));
        });
        let layer = scratch("bare-root");
        for part in ["upper", "work", "root"] {
            make(&layer.join(part));
        }
        Self {
            root: directory.join("root"),
            layer,
        }
    }

    /// Copies a file into a directory of the root.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn put(&self, file: &Path, directory: &str) {
        let inside = self.layer.join("upper").join(directory);
        make(&inside);
        let name = file.file_name().expect("a file has a name");
        std::fs::copy(file, inside.join(name)).expect("a file can be copied");
    }

    /// A command, to be given its words, that runs a program in the root. What
    /// it mounts and what it starts is gone when it ends.
    pub fn command(&self) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-c", ENTER, "sh"])
            .args([&*self.root, &*self.layer])
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/root")
            .env("LANG", "C.UTF-8");
        command
    }
}
