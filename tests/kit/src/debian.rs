//! Source packages of Debian, by the code that sysroots are made with.

use std::path::{Path, PathBuf};

use wasmaot_sysroot::{Download, Origin};

use crate::cache::{Key, once, root};
use crate::run::run;
use crate::tools::tools;

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

/// cJSON.
pub const CJSON: Source = Source {
    package: "cjson",
    version: "1.7.15-1+deb12u4",
    release: "bookworm",
    archive: "cjson_1.7.15.orig.tar.gz",
    hash: "9ec71be20f605f1fa8ff9c3021b035b2d5fa02f3f0ccd76910d20e53c8ecdcbd",
    directory: "cJSON-1.7.15",
};

/// Lua.
pub const LUA: Source = Source {
    package: "lua5.4",
    version: "5.4.4-3+deb12u1",
    release: "bookworm",
    archive: "lua5.4_5.4.4.orig.tar.gz",
    hash: "ca54489393cd38e35d295a9c35dbf0da5336a66ddb7b2213eed6c2f3039f53b1",
    directory: "lua-5.4.4",
};

impl Source {
    /// The unpacked upstream source.
    ///
    /// # Panics
    /// If it cannot be fetched; what to do by hand then.
    pub fn unpacked(&self) -> PathBuf {
        let key = Key::new("debian").text(self.archive).text(self.hash);
        let directory = once("debian", &key, |directory| {
            let archive = self.fetched(directory);
            let mut tar = tools().tar.command();
            tar.arg("xf").arg(&archive).arg("-C").arg(directory);
            run(&mut tar).expect_code(0);
        });
        directory.join(self.directory)
    }

    /// The archive: one that was put into the directory of inputs by hand, or
    /// fetched.
    fn fetched(&self, directory: &Path) -> PathBuf {
        let download = Download {
            name: self.archive,
            hash: Some(self.hash),
            origin: Origin::Debian {
                package: self.package,
                version: self.version,
                release: self.release,
            },
        };
        let by_hand = root().join(self.archive);
        let archive = match by_hand.is_file() {
            true => download.verify(&by_hand).map(|()| by_hand),
            false => download.fetch(&directory.join("fetched")),
        };
        archive.unwrap_or_else(|error| {
            panic!(
                "{error:#}; do it where Debian {} is in the sources with `apt-get source \
                 --download-only {}={}` and put {} into {}",
                self.release,
                self.package,
                self.version,
                self.archive,
                root().display()
            )
        })
    }
}
