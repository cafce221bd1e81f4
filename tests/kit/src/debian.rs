//! Source packages of Debian, by its own tool in directories of our own: the
//! system's lists and sources stay as they are, and nobody has to be root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Key, make, once, root};
use crate::run::run;
use crate::tools::tools;

/// What Debian's tools trust.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An upstream archive in a source package.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The package.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The release that it is part of.
    pub release: &'static str,
    /// The upstream archive among its files.
    pub archive: &'static str,
    /// BLAKE3 of the archive.
    pub hash: &'static str,
    /// The directory in the archive.
    pub directory: &'static str,
}

impl Source {
    /// The unpacked upstream source.
    ///
    /// # Panics
    /// If it cannot be fetched; what to do by hand then.
    pub fn unpacked(&self) -> PathBuf {
        let key = Key::new("debian").text(self.archive).text(self.hash);
        let directory = once("debian", &key, |directory| {
            let archive = self.fetched(directory);
            self.verify(&archive);
            let mut tar = tools().tar.command();
            tar.arg("xzf").arg(&archive).arg("-C").arg(directory);
            run(&mut tar).expect_code(0);
        });
        directory.join(self.directory)
    }

    /// The archive: one that was put into the directory of inputs by hand, or
    /// fetched.
    fn fetched(&self, directory: &Path) -> PathBuf {
        let by_hand = root().join(self.archive);
        if by_hand.is_file() {
            return by_hand;
        }
        let state = directory.join("apt");
        for part in ["lists/partial", "cache/archives/partial"] {
            make(&state.join(part));
        }
        let list = state.join("sources.list");
        let line = format!(
            "deb-src [signed-by={KEYRING}] {} {} main\n",
            self.mirror(),
            self.release
        );
        fs::write(&list, line).expect("the directory is ours");
        let apt = |arguments: &[&str]| {
            let mut apt = Command::new("apt-get");
            for (name, value) in [
                ("Dir::Etc::sourcelist", list.clone()),
                ("Dir::Etc::sourceparts", "-".into()),
                ("Dir::State::lists", state.join("lists")),
                ("Dir::Cache", state.join("cache")),
                ("APT::Update::Error-Mode", "any".into()),
            ] {
                apt.arg("-o").arg(format!("{name}={}", value.display()));
            }
            apt.args(arguments).current_dir(directory);
            match apt.output() {
                Ok(output) if output.status.success() => {}
                Ok(output) => self.give_up(&String::from_utf8_lossy(&output.stderr)),
                Err(error) => self.give_up(&error.to_string()),
            }
        };
        apt(&["update"]);
        let wanted = format!("{}={}", self.package, self.version);
        apt(&["source", "--download-only", &wanted]);
        directory.join(self.archive)
    }

    /// The archive of Debian that this system is installed from.
    fn mirror(&self) -> String {
        let listed = Command::new("apt-get")
            .args(["indextargets", "--format", "$(REPO_URI)"])
            .output();
        let listed = listed.map_err(|e| self.give_up(&e.to_string()));
        let text = listed.map_or_else(|never| never, |output| output.stdout);
        let text = String::from_utf8_lossy(&text);
        let mirror = text.lines().find(|uri| uri.ends_with("/debian/"));
        mirror
            .unwrap_or_else(|| self.give_up("no archive of Debian is among the sources of apt"))
            .to_owned()
    }

    fn verify(&self, archive: &Path) {
        let bytes = fs::read(archive).unwrap_or_else(|e| self.give_up(&e.to_string()));
        let found = blake3::hash(&bytes).to_hex();
        assert!(
            found.as_str() == self.hash,
            "{} has BLAKE3 {found}, not {}",
            archive.display(),
            self.hash
        );
    }

    fn give_up(&self, why: &str) -> ! {
        panic!(
            "cannot fetch the source of {}: {}; do it where Debian {} is in the sources with \
             `apt-get source --download-only {}={}` and put {} into {}",
            self.package,
            why.lines().next().unwrap_or_default(),
            self.release,
            self.package,
            self.version,
            self.archive,
            root().display()
        )
    }
}
