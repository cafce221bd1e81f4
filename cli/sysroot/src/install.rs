//! Making a sysroot: everything is fetched, then compiled, then put into its
//! place.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};

use crate::archive::EMPTY;
use crate::clang::Clang;
use crate::cxx::{self, Cxx};
use crate::files::{copy_file, write, write_ours};
use crate::layout::{FORMAT, Host, Language, Libc, Record, Sysroot, TAGS};
use crate::musl::Musl;
use crate::place::Unfinished;
use crate::sources;
use crate::wasi;
use crate::work::{JUMPS, Step, Unit, Work, flags, link_arguments};

/// Libraries that programs name, and whose content musl has in its libc.
const IN_LIBC: [&str; 8] = [
    "m", "dl", "pthread", "rt", "util", "crypt", "resolv", "xnet",
];

/// A sysroot to be made.
#[derive(Clone, Copy)]
pub struct Install<'a> {
    /// Its libc.
    pub libc: Libc,
    /// Its directory.
    pub to: &'a Path,
    /// A file or directory of the user's with sources, which are not fetched then.
    pub source: Option<&'a Path>,
    /// Whether it is to have libc++, where sources of it are known.
    pub cxx: bool,
    /// How many compilers run at once.
    pub jobs: usize,
    /// Is set by somebody else to stop it.
    pub stop: &'a AtomicBool,
    /// Is told how far it has come.
    pub report: &'a (dyn Fn(Step<'_>) + Sync),
}

impl Install<'_> {
    /// Makes it, with a compiler. Where there is a sysroot already, this one
    /// takes its place when it is complete.
    ///
    /// # Errors
    /// If a tool is missing or fails, sources cannot be had or are not what they
    /// should be, or it is stopped. Then there is nothing of it anywhere.
    pub fn run(&self, clang: &Clang) -> Result<Sysroot> {
        wasmaot_link::wasm_ld()?;
        // Compilers run elsewhere.
        let source = self.source.map(std::path::absolute).transpose();
        let source = source.context("the path of the source is no path")?;
        let source = source.as_deref();
        let unfinished = Unfinished::begin(self.to)?;
        let work = Work {
            clang,
            jobs: self.jobs,
            stop: self.stop,
            report: self.report,
        };
        let root = unfinished.path().join("sysroot");
        match self.libc {
            Libc::Musl => self.musl(&work, source, unfinished.path(), &root)?,
            Libc::Wasi => wasi::install(&work, source, self.cxx, unfinished.path(), &root)?,
        }
        work.goes_on()?;
        unfinished.finish(&root)?;
        Sysroot::open(self.to)
    }

    fn musl(
        &self,
        work: &Work<'_>,
        given: Option<&Path>,
        scratch: &Path,
        root: &Path,
    ) -> Result<()> {
        let builtins = work.clang.builtins()?;
        let downloads = scratch.join("downloads");
        let archive = sources::musl(work, given, &downloads)?;
        let cxx = match self.cxx {
            true => Some(sources::cxx(work, given, &downloads)?),
            false => None,
        };
        let source = sources::unpack_musl(work, archive, &scratch.join("musl"))?;
        let musl = Musl::new(&source, &scratch.join("ours"))?;
        let cxx = match cxx {
            Some(archive) => Some(sources::unpack_cxx(work, &archive, &scratch.join("cxx"))?),
            None => None,
        };
        write_ours("tags", &scratch.join("tags"))?;

        let sysroot = Sysroot::in_making(
            root,
            Record {
                format: FORMAT,
                host: Host::Linux,
                libc: "musl".to_owned(),
                version: musl.version.clone(),
                triple: "wasm32-unknown-unknown".to_owned(),
                compiler: work.clang.banner().to_owned(),
                flags: JUMPS.map(str::to_owned).to_vec(),
                cxx_flags: vec![cxx::EXCEPTIONS.to_owned()],
                cxx: cxx.as_ref().map(|cxx| cxx.version.clone()),
                members: Vec::new(),
                threads: true,
            },
        );
        let include = root.join("include");
        musl.install_headers(&include)?;
        if let Some(cxx) = &cxx {
            cxx.install_headers(&include.join("c++/v1"))?;
        }
        let parts = [false, true].map(|threads| {
            let objects = scratch.join(if threads { "threads" } else { "single" });
            Part { threads, objects }
        });
        let mut units = Vec::new();
        for part in &parts {
            units.extend(part.units(&sysroot, &musl, cxx.as_ref(), scratch)?);
        }
        work.compile(&units)?;
        for part in &parts {
            part.libraries(work, &sysroot, &builtins)?;
        }
        sysroot.finish()
    }
}

/// The libraries for programs with threads, or those for programs without.
struct Part {
    threads: bool,
    objects: PathBuf,
}

impl Part {
    /// All that is to be compiled.
    fn units(
        &self,
        sysroot: &Sysroot,
        musl: &Musl,
        cxx: Option<&Cxx>,
        scratch: &Path,
    ) -> Result<Vec<Unit>> {
        let target = sysroot.target(self.threads)?;
        let include = sysroot.root().join("include");
        let at = |name: &str| self.objects.join(name);
        let c = flags(&target, Language::C)?;
        let mut units = musl.units(&c, &include, &at("libc"))?;
        if let Some(cxx) = cxx {
            units.extend(cxx.units(&target, &[], &self.objects)?);
        }
        let mut sources = vec![musl.start_file()];
        sources.extend(TAGS.map(|tag| scratch.join("tags").join(tag).with_extension("s")));
        units.push(Unit {
            directory: at("single"),
            sources,
            flags: c,
        });
        Ok(units)
    }

    /// Makes the libraries of what was compiled.
    fn libraries(&self, work: &Work<'_>, sysroot: &Sysroot, builtins: &Path) -> Result<()> {
        let target = sysroot.target(self.threads)?;
        let lib = target.library_directory();
        let single = self.objects.join("single");
        for name in TAGS.into_iter().chain(["crt1.o"]) {
            copy_file(&single.join(name), &lib.join(name))?;
        }
        for name in IN_LIBC {
            write(&lib.join(format!("lib{name}.a")), EMPTY)?;
        }
        let helpers = lib.join("libclang_rt.builtins.a");
        copy_file(builtins, &helpers)?;
        let objects = self.objects.join("libc");
        let arguments = link_arguments(target.link_flags(), &objects, &helpers)?;
        work.link(&arguments, &lib.join("libc.so"))?;
        match sysroot.record().cxx {
            Some(_) => cxx::link(work, &target, &self.objects),
            None => Ok(()),
        }
    }
}
