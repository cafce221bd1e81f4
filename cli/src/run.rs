//! `wasmaot run`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use wasmaot::{LibraryFinder, input};
use wasmaot_hosts::flat_libc;
use wasmaot_launch::report::{print, usage};
use wasmaot_launch::{Executable, Options, Program, Use, open_all, within};
use wasmaot_runtime::{Error, Explanation, Object, Process, Unresolved};

use crate::advice::NotLinked;
use crate::libraries::{Line, Shared};
use crate::options::Run;
#[cfg(feature = "compiler")]
use crate::profile;
#[cfg(feature = "remote-cache")]
use crate::remote;
use crate::{core_dump, invoke, json, opening};

/// Loads and runs the program; answers the exit code.
pub(crate) fn run(args: &Run) -> Result<u8> {
    if args.json && args.explain.is_none() && !args.trace_loaded {
        return Err(usage("--json needs --explain or --trace-loaded"));
    }
    let options = args.running.options(&args.search);
    let options = options.over(Options::of_environment()?);
    let mut config = options.config()?;
    config.core_dumps = args.coredump.is_some();
    if args.explain.is_some() {
        // What is to be explained may be just that.
        config.unresolved = Unresolved::Ignore;
    }
    within(&options, config, |process| {
        let ended = carry_out(args, &options, process);
        #[cfg(feature = "compiler")]
        if let Some(file) = &args.profile {
            profile::add(process, file);
        }
        if let (Err(error), Some(dump)) = (&ended, &args.coredump) {
            core_dump::write(process, error, dump);
        }
        ended
    })
}

fn carry_out(args: &Run, options: &Options, process: &mut Process) -> Result<u8> {
    let engine = opening::engine(
        #[cfg(feature = "compiler")]
        args.compile_options()?,
    );
    #[cfg(feature = "remote-cache")]
    let engine = remote::with_store(engine, &args.remote);
    let path = args.program();
    let mut finder = options.finder(path, engine);
    let main = open_program(&mut finder, path)?;
    let preload = open_all(&mut finder, &options.preload)?;
    let finder = Shared::new(finder);
    let Line { libraries, words } = Line::read(args, &main, &finder)?;
    let host = options.host(path.file_name().unwrap_or_default(), &words)?;
    process.set_finder(finder);
    let as_what = match (
        args.explain.is_some() || args.trace_loaded,
        &args.invoke[..],
    ) {
        (true, _) => Use::Show,
        (false, []) => Use::Run,
        (false, _) => Use::Call,
    };
    let program = Program::prepare(
        process,
        host,
        main,
        libraries,
        as_what,
        Some(|process| process.add_host_functions(flat_libc::functions(std::io::stdout()))),
    )?;
    let program = program.preload(preload);
    let not_linked = |error| match error {
        error @ Error::Unresolved(_) => {
            let words = words.clone();
            NotLinked { error, words }.into()
        }
        error => anyhow::Error::from(error),
    };
    if as_what == Use::Show {
        let linked = process.link_program(Arc::clone(&program.main), &program.beside);
        linked.map_err(not_linked)?;
        return show(args, process).map(|()| 0);
    }
    let id = program.load(process).map_err(not_linked)?;
    match as_what {
        Use::Call => invoke::all(process, id, &args.invoke, &words).map(|()| 0),
        _ => program.start(process, id, path.display()),
    }
}

/// Shows what came of linking the program.
fn show(args: &Run, process: &mut Process) -> Result<()> {
    if let Some(symbol) = &args.explain {
        let explained = process.explain(symbol);
        return print(match args.json {
            true => json::text(&explanation(&explained)),
            false => explained.to_string(),
        });
    }
    if args.json {
        let objects = process.link_map().map(|entry| {
            json!({
                "name": entry.name,
                "path": entry.path,
                "load_address": entry.load_address,
                "memory_base": entry.memory_base,
                "table_base": entry.table_base,
            })
        });
        return print(json::text(
            &json!({ "objects": objects.collect::<Vec<_>>() }),
        ));
    }
    for entry in process.link_map() {
        print(format!(
            "{} => {} ({:#018x})\n",
            entry.name,
            entry.path.display(),
            entry.load_address
        ))?;
    }
    Ok(())
}

/// How a symbol is bound, for other programs.
fn explanation(explained: &Explanation) -> Value {
    let scope = explained.scope.iter();
    let scope = scope.map(|at| json!({ "object": at.object, "definition": at.definition }));
    let uses = explained
        .uses
        .iter()
        .map(|by| json!({ "object": by.object, "how": by.how, "bound": by.bound, "why": by.why }));
    json!({
        "symbol": explained.name,
        "scope": scope.collect::<Vec<_>>(),
        "host": explained.host,
        "uses": uses.collect::<Vec<_>>(),
    })
}

/// Opens the program; `-` is a module from standard input.
fn open_program(finder: &mut LibraryFinder, program: &Path) -> Result<Arc<Object>> {
    if program != Path::new(input::STREAM) {
        return finder.open(program).map_err(|error| {
            let name = program.display();
            match Executable::at(program, false) {
                Ok(Some(_)) => anyhow!(
                    "{name}: is an executable with a loader of its own; start it by its name"
                ),
                _ => error.into(),
            }
        });
    }
    let (name, bytes) = input::read(program)?;
    Ok(finder.open_module(Path::new(&name), &bytes)?)
}
