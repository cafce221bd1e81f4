//! Many machines that run the same distribution.

use std::thread;

use crate::common::Sandbox;

use super::servers::Server;
use super::{Counts, Site, counts, silent};

/// A machine with a program of so many modules: `main.wasm`, and libraries that it
/// needs.
pub fn distribution(modules: usize) -> Sandbox {
    with_modules(&modules_of(modules))
}

fn with_modules(modules: &[(String, Vec<u8>)]) -> Sandbox {
    let machine = Sandbox::new();
    for (name, module) in modules {
        machine.write(name, module);
    }
    machine
}

fn modules_of(number: usize) -> Vec<(String, Vec<u8>)> {
    let libraries = 0..number - 1;
    let needed = |number| format!("(needed \"m{number}.so\") ");
    let import =
        |number| format!("(import \"env\" \"f{number}\" (func $f{number} (result i32)))\n");
    let call = |number| {
        format!("(if (i32.ne (call $f{number}) (i32.const {number})) (then (unreachable)))\n")
    };
    let all = |text: &dyn Fn(usize) -> String| libraries.clone().map(text).collect::<String>();
    let main = format!(
        "(module (@dylink.0 (mem-info) {})\n(import \"env\" \"memory\" (memory 0))\n{}\
         (func (export \"_start\")\n{}))",
        all(&needed),
        all(&import),
        all(&call),
    );
    let library = |number| {
        let text = format!(
            "(module (@dylink.0 (mem-info)) (import \"env\" \"memory\" (memory 0))\n\
             (func (export \"f{number}\") (result i32) (i32.const {number})))"
        );
        (format!("m{number}.so"), wat::parse_str(text).unwrap())
    };
    let mut modules: Vec<_> = libraries.clone().map(library).collect();
    modules.push(("main.wasm".to_owned(), wat::parse_str(main).unwrap()));
    modules
}

/// How many modules the machines have built in all, which run the distribution by
/// this.
fn built(machines: &[Sandbox]) -> u64 {
    machines.iter().map(|machine| counts(machine).built).sum()
}

/// Machines that are set up one after another build each module once in all.
#[test]
fn twenty_machines_build_two_hundred_modules_once() {
    const MACHINES: usize = 20;
    const MODULES: usize = 200;
    let server = Server::redis(None);
    let site = Site::new(format!("redis://{}", server.address));
    let modules = modules_of(MODULES);
    let mut machines = Vec::new();
    for _ in 0..MACHINES {
        let machine = with_modules(&modules);
        silent(site.run(&machine, "main.wasm"));
        machines.push(machine);
    }
    assert_eq!(built(&machines), MODULES as u64);
    for machine in &machines[1..] {
        let expected = Counts {
            remote_hits: MODULES as u64,
            ..Counts::default()
        };
        assert_eq!(counts(machine), expected);
    }
}

/// Those that start at once may build the same: none waits for another. What each
/// does is right, and it builds or takes every module.
#[test]
fn machines_that_start_at_once_share_what_is_there() {
    const MACHINES: usize = 6;
    const MODULES: usize = 50;
    let server = Server::redis(None);
    let site = Site::new(format!("redis://{}", server.address));
    let modules = modules_of(MODULES);
    let machines: Vec<_> = (0..MACHINES).map(|_| with_modules(&modules)).collect();
    thread::scope(|scope| {
        for machine in &machines {
            let site = &site;
            scope.spawn(move || silent(site.run(machine, "main.wasm")));
        }
    });
    for machine in &machines {
        let counts = counts(machine);
        assert_eq!(counts.built + counts.remote_hits, MODULES as u64);
        assert_eq!(counts.remote_misses, counts.built);
    }
    let built = built(&machines);
    println!("{MACHINES} machines at once built {built} modules of {MODULES}");
}
