//! Every kernel of the laboratory computes the same natively, as one module, and
//! as two in each way that they are bound; and so does one of real code, with each C library.

#![cfg(feature = "compiler")]

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Result, bail};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use wasmaot_compiler::Options;
use wasmaot_lab::builds::Builds;
use wasmaot_lab::interleave::{Contestant, compete};
use wasmaot_lab::kernel::{Kernel, built_in};
use wasmaot_lab::libc::Libc;
use wasmaot_lab::manifest::{self, Origin};
use wasmaot_lab::native::{self, Native};
use wasmaot_lab::program::{Loaded, Program};
use wasmaot_lab::variant::{Binding, Link, Variant};
use wasmaot_testkit::{CJSON, musl_sysroot, wasi_static_libc, wasi_sysroot};

/// Some units of work: enough for every path, no more.
fn little(kernel: &Kernel) -> u32 {
    (kernel.n.unwrap_or(0) / 500).clamp(2, 2000)
}

fn contestants(builds: &Builds, kernel: &Kernel) -> Vec<Contestant> {
    // The others are linked as the second.
    let mut contestants: Vec<Contestant> = [Native::Static, Native::Plt, Native::Symbolic]
        .into_iter()
        .map(|native| {
            let path = builds.native(kernel, native);
            Contestant::new(native.name(), path.map(|path| native::program(&path)))
        })
        .collect();
    for link in [Link::One, Link::Pie, Link::Fixed] {
        let program = Program::of_kernel(builds, kernel, link, &Options::default());
        let program = Rc::new(program.unwrap());
        let bindings = match link {
            Link::One => &[Binding::Inside][..],
            _ => &Binding::BETWEEN,
        };
        for &binding in bindings {
            let runner = Loaded::new(&program, binding).map(|loaded| loaded.runner());
            let name = Variant { link, binding }.name();
            contestants.push(Contestant::new(name, runner));
        }
    }
    contestants
}

#[test]
fn everyone_computes_the_same() {
    let directory = wasmaot_testkit::scratch("kernels");
    let builds = Builds::new(&directory).unwrap();
    let wrong: Vec<String> = built_in()
        .par_iter()
        .flat_map_iter(|kernel| {
            let mut contestants = contestants(&builds, kernel);
            let series = compete(&mut contestants, little(kernel), 1, &mut |_| {});
            let failed = series.into_iter().filter_map(|series| {
                assert_eq!(series.samples.len(), usize::from(series.error.is_none()));
                let error = series.error?;
                Some(format!("{}, {}: {error}", kernel.name, series.contestant))
            });
            failed.collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What all that is made of the kernel answers for so many units; the first is native.
fn agree(kernel: &Kernel, mut contestants: Vec<Contestant>, n: u32) {
    let series = compete(&mut contestants, n, 1, &mut |_| {});
    for series in series {
        assert_eq!(series.error, None, "{}, {}", kernel.name, series.contestant);
    }
}

fn real() -> PathBuf {
    wasmaot_testkit::sources().join("../../benches/real")
}

fn known(origin: &Origin) -> Result<PathBuf> {
    match origin.known.as_deref() {
        Some("cjson") => Ok(CJSON.unpacked()),
        _ => bail!("not fetched here"),
    }
}

#[test]
fn a_kernel_of_real_code_computes_the_same_with_each_libc() {
    let directory = wasmaot_testkit::scratch("kernels");
    let kernel = manifest::read(&real().join("cjson"), &known).unwrap();
    let builds = |name: &str, libc: Libc| {
        let directory = directory.join(name);
        std::fs::create_dir(&directory).unwrap();
        let mut builds = Builds::new(&directory).unwrap();
        builds.libc = Some(libc);
        builds
    };
    let wasi = Libc::of(&wasi_sysroot().target(false).unwrap()).unwrap();
    let wasi = builds(
        "wasi",
        wasi.with_static(wasi_static_libc("crt1-reactor.o", &[]))
            .unwrap(),
    );
    let musl = Libc::of(&musl_sysroot().target(false).unwrap());
    let musl = builds("musl", musl.unwrap());
    let mut contestants: Vec<Contestant> = [Native::Static, Native::Now]
        .into_iter()
        .map(|native| {
            let path = wasi.native(&kernel, native);
            Contestant::new(native.name(), path.map(|path| native::program(&path)))
        })
        .collect();
    for (name, builds, link, binding) in [
        ("one", &wasi, Link::One, Binding::Inside),
        ("wasi", &wasi, Link::Pie, Binding::Now),
        ("musl", &musl, Link::Pie, Binding::Now),
        ("musl, prelinked", &musl, Link::Pie, Binding::Static),
    ] {
        let program = Program::of_kernel(builds, &kernel, link, &Options::default()).unwrap();
        let loaded = Loaded::new(&Rc::new(program), binding);
        contestants.push(Contestant::new(name, loaded.map(|loaded| loaded.runner())));
    }
    agree(&kernel, contestants, 2);
}

/// Those whose sources are not fetched here are understood as far as that.
#[test]
fn the_manifests_of_real_code_are_understood() {
    let names = manifest::names(&real()).unwrap();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        match manifest::read(&real().join(&name), &known) {
            Ok(kernel) => assert!(kernel.n.is_some() && kernel.about.ends_with('.'), "{name}"),
            Err(error) => {
                let text = format!("{error:#}");
                assert!(text.ends_with(": not fetched here"), "{text}");
            }
        }
    }
}
