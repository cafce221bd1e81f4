//! Every kernel of the laboratory computes the same natively, as one module, and
//! as two in each way that they are bound.

#![cfg(feature = "compiler")]

use std::rc::Rc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use wasmaot_compiler::Options;
use wasmaot_lab::builds::{Builds, Native};
use wasmaot_lab::interleave::{Contestant, compete};
use wasmaot_lab::kernel::{Kernel, built_in};
use wasmaot_lab::native;
use wasmaot_lab::program::{Loaded, Program};
use wasmaot_lab::variant::{Binding, Link, Variant};

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
