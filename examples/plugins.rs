//! A plug-in host with hot reload: a library that changes on disk is closed and
//! opened again, and what it has stored with the host is still there.
//!
//! ```text
//! loaded: add function (i32) -> (i32), version function () -> (i32)
//! version 1 makes 5 of 5, 12 of 7
//! the plug-in has changed
//! loaded: add function (i32) -> (i32), version function () -> (i32)
//! version 2 makes 112 of 1, 312 of 2
//! the plug-in does not compile; the old one stays
//! version 2 makes 612 of 3, 1012 of 4
//! ```

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmaot::{Caller, Config, Engine, Hosts, Library, OpenFlags, Process, TypedFunc};

/// A plug-in of a version: it adds to a total of which the host has the value.
fn source(version: i32, factor: i32) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info))
             (import "env" "memory" (memory 0))
             (import "host" "load" (func $load (result i32)))
             (import "host" "store" (func $store (param i32)))
             (func (export "version") (result i32) (i32.const {version}))
             (func (export "add") (param i32) (result i32)
               (call $store (i32.add (call $load)
                 (i32.mul (local.get 0) (i32.const {factor}))))
               (call $load)))"#
    )
}

/// A plug-in that is loaded.
struct PlugIn {
    file: PathBuf,
    changed: SystemTime,
    /// Closes it when it is dropped.
    library: Library,
    version: TypedFunc<(), i32>,
    add: TypedFunc<i32, i32>,
}

impl PlugIn {
    fn open(
        engine: &Engine,
        process: &mut Process<i32>,
        file: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        let changed = fs::metadata(file)?.modified()?;
        let object = engine.open(file)?;
        let library = process.open_object(&object, OpenFlags::default())?;
        let mut exports: Vec<String> = process
            .exports(*library)?
            .map(|export| format!("{} {}", export.name, export.ty))
            .collect();
        exports.sort();
        println!("loaded: {}", exports.join(", "));
        Ok(Self {
            file: file.to_owned(),
            changed,
            version: library.typed_func(process, "version")?,
            add: library.typed_func(process, "add")?,
            library,
        })
    }

    /// Opens it again if its file has changed. One that does not compile leaves
    /// the old one where it is.
    fn refresh(self, engine: &Engine, process: &mut Process<i32>) -> Result<Self, Box<dyn Error>> {
        if fs::metadata(&self.file)?.modified()? == self.changed {
            return Ok(self);
        }
        if engine.open(&self.file).is_err() {
            println!("the plug-in does not compile; the old one stays");
            return Ok(self);
        }
        println!("the plug-in has changed");
        let Self { file, library, .. } = self;
        library.close(process)?;
        Self::open(engine, process, &file)
    }

    fn show(&self, process: &mut Process<i32>, values: [i32; 2]) -> Result<(), Box<dyn Error>> {
        let version = self.version.call(process, ())?;
        let [one, two] = values;
        let (first, second) = (self.add.call(process, one)?, self.add.call(process, two)?);
        println!("version {version} makes {first} of {one}, {second} of {two}");
        Ok(())
    }
}

/// Replaces a file by one that is later.
fn write(file: &Path, text: &str, seconds: u64) -> Result<(), Box<dyn Error>> {
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    let later = SystemTime::now() + std::time::Duration::from_secs(seconds);
    fs::File::options()
        .write(true)
        .open(&new)?
        .set_modified(later)?;
    Ok(fs::rename(new, file)?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("wasmaot-plugins-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("libadd.wat");
    write(&file, &source(1, 1), 0)?;

    let engine = Engine::default();
    let mut hosts = Hosts::new();
    hosts.func("host", "load", |caller: &mut Caller<'_, i32>| {
        *caller.data()
    });
    hosts.func(
        "host",
        "store",
        |caller: &mut Caller<'_, i32>, total: i32| {
            *caller.data_mut() = total;
        },
    );
    let mut process = Process::new(&engine, Config::default(), 0)?;
    process.add_hosts(&hosts);

    let mut plug_in = PlugIn::open(&engine, &mut process, &file)?;
    plug_in.show(&mut process, [5, 7])?;
    plug_in = plug_in.refresh(&engine, &mut process)?;

    write(&file, &source(2, 100), 1)?;
    plug_in = plug_in.refresh(&engine, &mut process)?;
    plug_in.show(&mut process, [1, 2])?;

    write(&file, "(module (func (export \"add\") (param i32", 2)?;
    plug_in = plug_in.refresh(&engine, &mut process)?;
    plug_in.show(&mut process, [3, 4])?;

    fs::remove_dir_all(folder)?;
    Ok(())
}
