//! Options of a process, and what it reports while loading.

use std::fmt;

/// What to do with a function or address that no object defines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unresolved {
    /// Refuse to load.
    #[default]
    Error,
    /// Say so; a call traps and names the symbol, an address is 0.
    Warn,
    /// As [`Unresolved::Warn`], silently.
    Ignore,
}

/// What a trace line is about; `WASMAOT_DEBUG` selects by these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Search for libraries.
    Libs,
    /// Objects as they are loaded and initialised.
    Files,
    /// Objects that a symbol is looked for in.
    Symbols,
    /// Which definition an import is bound to.
    Bindings,
    /// Relocation.
    Reloc,
    /// Counts.
    Statistics,
    /// System calls of the program, with arguments and results.
    Syscalls,
    /// Not asked for: what the user should know.
    Warning,
}

impl Category {
    /// Every category with its name.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::Libs, "libs"),
        (Self::Files, "files"),
        (Self::Symbols, "symbols"),
        (Self::Bindings, "bindings"),
        (Self::Reloc, "reloc"),
        (Self::Statistics, "statistics"),
        (Self::Syscalls, "syscalls"),
        (Self::Warning, "warning"),
    ];
}

/// Takes trace lines.
pub type Trace = Box<dyn Fn(Category, &str)>;

/// Options of a process.
pub struct Config {
    /// Largest size of a linear memory, in pages of 64 KiB.
    pub max_memory: u64,
    /// Largest length of a table.
    pub max_table: u64,
    /// Bytes of the native stack.
    pub stack_size: u64,
    /// Bytes of the stack in linear memory, where the loader makes it.
    pub shadow_stack: u64,
    /// What to do with undefined symbols.
    pub unresolved: Unresolved,
    /// Whether to recompute every relocated slot and compare.
    pub check: bool,
    /// Takes warnings and trace lines. Without it, warnings go to standard error.
    pub trace: Option<Trace>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_memory: 1 << 16,
            max_table: 10_000_000,
            stack_size: 8 << 20,
            shadow_stack: 1 << 20,
            unresolved: Unresolved::default(),
            check: false,
            trace: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("max_memory", &self.max_memory)
            .field("max_table", &self.max_table)
            .field("stack_size", &self.stack_size)
            .field("shadow_stack", &self.shadow_stack)
            .field("unresolved", &self.unresolved)
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reports a line; the text is made only if somebody listens.
    pub(crate) fn trace(&self, category: Category, text: impl FnOnce() -> String) {
        match &self.trace {
            Some(trace) => trace(category, &text()),
            None if category == Category::Warning => eprintln!("warning: {}", text()),
            None => {}
        }
    }
}
