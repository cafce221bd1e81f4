//! What others publish, by the tools of those who publish it: source packages of
//! Debian by apt, in directories of our own, so that the system's lists stay as
//! they are and nobody has to be root; Python packages by pip; npm packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::files::{entries, make, write};

/// What Debian's tools trust.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Who publishes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// Debian: an upstream archive in a source package.
    Debian {
        /// The package.
        package: &'a str,
        /// Its version.
        version: &'a str,
        /// The release that it is part of.
        release: &'a str,
    },
    /// PyPI: `NAME==VERSION`, as it is for a platform.
    Python {
        /// The package and its version.
        package: &'a str,
        /// The platform, as its file is named for it.
        platform: &'a str,
    },
    /// npm: `NAME@VERSION`.
    Npm {
        /// The package and its version.
        package: &'a str,
    },
}

impl Origin<'_> {
    /// Fetches what it names into a directory, as the tool does.
    ///
    /// # Errors
    /// If the tool is missing, or cannot fetch it.
    pub fn fetch(&self, into: &Path) -> Result<()> {
        make(into)?;
        match *self {
            Origin::Debian {
                package,
                version,
                release,
            } => debian(package, version, release, into),
            Origin::Python { package, platform } => pip(package, platform, into),
            Origin::Npm { package } => npm(package, into),
        }
    }
}

/// A file that others publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Download<'a> {
    /// Its name.
    pub name: &'a str,
    /// BLAKE3 of it, in hexadecimal digits; without it, whoever fetches it trusts
    /// the tool that does.
    pub hash: Option<&'a str>,
    /// Who publishes it.
    pub origin: Origin<'a>,
}

impl Download<'_> {
    /// Fetches the file into a directory that is empty, and looks whether it is
    /// the right one.
    ///
    /// # Errors
    /// If the tool is missing, cannot fetch it, or it is another file.
    pub fn fetch(&self, into: &Path) -> Result<PathBuf> {
        self.origin.fetch(into)?;
        let path = into.join(self.name);
        if !path.is_file() {
            let found = entries(into)?;
            let names = found.iter().filter_map(|path| path.file_name());
            let names: Vec<_> = names.map(|name| name.display().to_string()).collect();
            bail!(
                "{} has {}, and no {}",
                self.from(),
                names.join(", "),
                self.name
            );
        }
        self.verify(&path)?;
        Ok(path)
    }

    /// Looks whether a file is the right one.
    ///
    /// # Errors
    /// If it is another one, or cannot be read.
    pub fn verify(&self, path: &Path) -> Result<()> {
        let Some(wanted) = self.hash else {
            return Ok(());
        };
        let found = hash(path)?;
        ensure!(
            found == wanted,
            "{} is damaged or another file: its BLAKE3 is {found}, not {wanted}; remove it and fetch it again",
            path.display()
        );
        Ok(())
    }

    /// What is to be told of where it comes from.
    #[must_use]
    pub fn from(&self) -> String {
        match self.origin {
            Origin::Debian {
                package, release, ..
            } => format!("Debian {release}'s source package {package}"),
            Origin::Python { package, .. } => format!("the Python package {package}"),
            Origin::Npm { package } => format!("the npm package {package}"),
        }
    }
}

/// BLAKE3 of a file.
pub(crate) fn hash(path: &Path) -> Result<String> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// Runs a tool that fetches; `install` is the Debian package that has it.
fn tool(command: &mut Command, install: &str) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("there is no {name}; install it (Debian: apt-get install {install})")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot run {name}")),
    };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        // Tools of this kind say last what the matter is, apart from hints, and
        // before that why they tried again.
        let mut said = lines.iter().copied().filter(|line| {
            let line = line.to_lowercase();
            line.contains("error") || line.starts_with("e:") || line.contains("no module")
        });
        let first = said.next().or(lines.last().copied());
        let first = first.unwrap_or("it says nothing").trim();
        let last = said.next_back().map(str::trim).unwrap_or_default();
        let between = if last.is_empty() { "" } else { "; at last: " };
        bail!("{name} failed ({}): {first}{between}{last}", output.status);
    }
    Ok(output.stdout)
}

fn debian(package: &str, version: &str, release: &str, into: &Path) -> Result<()> {
    let mirror = mirror()?;
    let state = tempfile::tempdir().context("cannot make a temporary directory")?;
    let state = state.path();
    for part in ["lists/partial", "cache/archives/partial"] {
        make(&state.join(part))?;
    }
    let list = state.join("sources.list");
    write(
        &list,
        format!("deb-src [signed-by={KEYRING}] {mirror} {release} main\n"),
    )?;
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
        tool(apt.args(arguments).current_dir(into), "apt")
    };
    apt(&["update"])?;
    apt(&["source", "--download-only", &format!("{package}={version}")])?;
    Ok(())
}

/// The archive of Debian that this system is installed from.
fn mirror() -> Result<String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(REPO_URI)"]);
    let text = tool(&mut apt, "apt")?;
    let text = String::from_utf8_lossy(&text);
    let mirror = text.lines().find(|uri| uri.ends_with("/debian/"));
    let mirror = mirror.context("no archive of Debian is among the sources of apt")?;
    Ok(mirror.to_owned())
}

fn pip(package: &str, platform: &str, into: &Path) -> Result<()> {
    let mut python = Command::new("python3");
    python.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    python.args(["--no-deps", "--only-binary=:all:"]);
    python.arg(format!("--platform={platform}")).arg(package);
    tool(python.current_dir(into), "python3 python3-pip").map(drop)
}

fn npm(package: &str, into: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", package]);
    tool(npm.current_dir(into), "npm").map(drop)
}
