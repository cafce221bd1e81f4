//! What a user of the command line can do about an error.
//!
//! The crates' own texts are for those who call them, and know no option. What
//! helps here depends on what has been given already: an option is never
//! advised to those who gave it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

#[cfg(feature = "compiler")]
use wasmaot_compiler as compiler;
use wasmaot_launch::Options;
use wasmaot_runtime::{CallError, Error, Unresolved, UnresolvedSymbol};

use crate::options::{Command, Running};

/// A program that cannot be linked, and what it was to be given: what was meant
/// for a library may be among that.
#[derive(Debug)]
pub(crate) struct NotLinked {
    pub error: Error,
    pub words: Vec<OsString>,
}

impl fmt::Display for NotLinked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for NotLinked {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// What to do next about an error of a command, where its own text does not
/// say it.
pub(crate) fn advice(error: &anyhow::Error, command: &Command) -> Option<String> {
    let words = error
        .downcast_ref()
        .map(|NotLinked { words, .. }| &words[..]);
    let words = words.unwrap_or_default();
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref() {
            return of_loading(error, command, words);
        }
        if let Some(error) = cause.downcast_ref() {
            return of_calling(error);
        }
        #[cfg(feature = "compiler")]
        if let Some(error) = cause.downcast_ref() {
            return of_compiling(error, command);
        }
        match cause.downcast_ref()? {
            wasmaot::Error::Load(error) => of_loading(error, command, words),
            wasmaot::Error::Call(error) => of_calling(error),
            #[cfg(feature = "compiler")]
            wasmaot::Error::Compile(error) => of_compiling(error, command),
            _ => None,
        }
    })
}

fn of_loading(error: &Error, command: &Command, words: &[OsString]) -> Option<String> {
    let options = options(command);
    match error {
        Error::Unresolved(list) => unresolved(list, command, &options, words),
        _ => options.advice(error),
    }
}

fn of_calling(error: &CallError) -> Option<String> {
    match error {
        CallError::NoExport { name, .. } if name == "_start" => Some(
            "it is a library: --invoke calls one of its functions, `wasmaot inspect` lists them"
                .to_owned(),
        ),
        CallError::NoExport { .. } => Some("`wasmaot inspect` lists the exports".to_owned()),
        _ => None,
    }
}

#[cfg(feature = "compiler")]
fn of_compiling(error: &compiler::Error, command: &Command) -> Option<String> {
    match (error, command) {
        (compiler::Error::Options(_), Command::Build(build)) if build.target.is_some() => {
            Some("give another --target, or none for this machine".to_owned())
        }
        (compiler::Error::CodeLimit { .. }, _) => Some("a larger --max-code allows it".to_owned()),
        _ => None,
    }
}

/// The options with which a program is loaded.
fn options(command: &Command) -> Options {
    let given = match command {
        #[cfg(feature = "compiler")]
        Command::Build(build) => {
            return Options {
                library_path: build.library_path.clone(),
                ..Options::default()
            };
        }
        Command::Run(run) => run.running.options(&run.search),
        Command::Ldd(ldd) => Running::default().options(&ldd.search),
        _ => Options::default(),
    };
    // Wrong ones are an error of their own.
    given.over(Options::of_environment().unwrap_or_default())
}

fn unresolved(
    list: &[UnresolvedSymbol],
    command: &Command,
    options: &Options,
    words: &[OsString],
) -> Option<String> {
    if !matches!(command, Command::Run(_)) {
        // What is built as one set is linked on the way.
        return Some("give it as an input too, or its directory with -L".to_owned());
    }
    let accepted = options.unresolved.unwrap_or_default();
    let mut advice = "give it with --lib FILE".to_owned();
    // What was meant for a library may have been taken for an argument.
    let is_module = |word: &&OsString| {
        let extension = Path::new(word).extension().and_then(OsStr::to_str);
        extension.is_some_and(|extension| ["elf", "so", "wasm", "wat"].contains(&extension))
    };
    // A plain module is known by a name, which that of its file may not be.
    let mut modules = list.iter().map(|symbol| symbol.module.as_str());
    let module = modules.find(|module| !["", "env"].contains(module));
    let known_as = module.map_or(String::new(), |module| format!("{module}="));
    if let Some(word) = words.first().filter(is_module) {
        advice = format!(
            "--lib {known_as}{} loads that file as a library",
            word.display()
        );
    } else if module.is_some() {
        advice = format!("give it with --lib {known_as}FILE");
    }
    // What is neither called nor an address cannot be left undefined.
    let can_pass = |symbol: &UnresolvedSymbol| {
        ["function", "function address", "data symbol"].contains(&symbol.kind)
    };
    match list.iter().find(|symbol| !can_pass(symbol)) {
        Some(symbol) if accepted != Unresolved::Error => {
            let (kind, name) = (symbol.kind, symbol.full_name());
            advice += &format!("; the {kind} `{name}` has to be there before the program runs");
        }
        None if accepted == Unresolved::Error => {
            advice += ", or let calls trap with --unresolved=warn";
        }
        _ => {}
    }
    Some(advice)
}
