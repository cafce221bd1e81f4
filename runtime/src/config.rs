//! Options of a process, and what it reports while loading.

use std::fmt;

/// What to do with a function or address that no object defines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unresolved {
    /// Refuse to load.
    #[default]
    Error,
    /// Say so; a call traps and names the symbol, and so does a call or an access
    /// through its address.
    Warn,
    /// As [`Unresolved::Warn`], silently.
    Ignore,
}

/// How calls of other objects' functions are bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bind {
    /// Straight, where objects are prelinked and the records hold: their code
    /// is as in the file, and shared. An object with calls in few pages of its
    /// code as by [`Bind::Direct`], all else as by [`Bind::Now`].
    #[default]
    Static,
    /// By a slot that is filled before anything runs and read-only then.
    Now,
    /// By a slot that is filled at the first call: what is never called need
    /// not be defined. Plain modules are bound as by [`Bind::Now`].
    Lazy,
    /// As [`Bind::Now`], and each call that is in reach is changed to go
    /// straight to where it ends: the pages of code that have such calls are
    /// the process's own then.
    Direct,
}

/// What becomes of a library's own definitions of `dlopen` and its like that can
/// only fail, as SDKs have them in their `libdl.so`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DlStubs {
    /// The loader's functions take their place.
    #[default]
    Replace,
    /// They count as any definition.
    Keep,
}

/// Whether debuggers are told of the objects of a process
/// ([GDB's JIT interface](https://sourceware.org/gdb/current/onlinedocs/gdb.html/JIT-Interface.html)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Debugger {
    /// Where one listens when objects are loaded: it started the program, or has
    /// attached before.
    #[default]
    Listening,
    /// Always: one may attach later.
    Always,
    /// Never.
    Never,
}

/// What a trace line is about; `WASMAOT_DEBUG` selects by these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// Search for libraries.
    Libs,
    /// Objects as they are loaded and initialised.
    Files,
    /// Objects that a symbol is looked for in.
    Symbols,
    /// Which definition an import is bound to.
    Bindings,
    /// Which version of a symbol a reference means.
    Versions,
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
        (Self::Versions, "versions"),
        (Self::Reloc, "reloc"),
        (Self::Statistics, "statistics"),
        (Self::Syscalls, "syscalls"),
        (Self::Warning, "warning"),
    ];
}

/// Takes trace lines.
pub type Trace = Box<dyn Fn(Category, &str) + Send>;

/// Options of a process.
pub struct Config {
    /// Bytes that a process may keep for its program, all together: linear
    /// memories as large as they are (also where nothing has touched them),
    /// tables beyond their first 256 entries (16 bytes each), exceptions that
    /// are referred to, objects that are loaded while the program runs, and
    /// thread-local storage of objects, in each thread.
    /// What would exceed it fails as such things do: `memory.grow` and
    /// `table.grow` answer -1, a `throw` traps, `dlopen` has an error.
    pub max_memory: u64,
    /// Largest length of a table.
    pub max_table: u64,
    /// Bytes of the native stack.
    pub stack_size: u64,
    /// Bytes of the stack in linear memory, where the loader makes it.
    pub shadow_stack: u64,
    /// Most threads that a program may have at a time, its first one among them.
    pub max_threads: u32,
    /// What to do with undefined symbols.
    pub unresolved: Unresolved,
    /// How calls across objects are bound.
    pub bind: Bind,
    /// What to do with stubs of `<dlfcn.h>` in the program's libraries.
    pub dl_stubs: DlStubs,
    /// With [`Bind::Lazy`], whether a needed library of the program is loaded
    /// only when a name is looked up that nothing before it defines. Not of programs
    /// whose memory is shared.
    pub lazy_load: bool,
    /// Whether to recompute every relocated slot and compare.
    pub check: bool,
    /// Whether debuggers are told of the objects.
    pub debugger: Debugger,
    /// Whether `/tmp/perf-PID.map` names code of objects that are in no file, for profilers.
    pub perf_map: bool,
    /// Whether traps keep what [`Process::write_core_dump`](crate::Process::write_core_dump)
    /// needs: registers, and a copy of the native stack.
    pub core_dumps: bool,
    /// Takes warnings and trace lines. Without it, warnings go to standard error.
    pub trace: Option<Trace>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_memory: 8 << 30,
            max_table: 10_000_000,
            stack_size: 8 << 20,
            shadow_stack: 1 << 20,
            max_threads: 1024,
            unresolved: Unresolved::default(),
            bind: Bind::default(),
            dl_stubs: DlStubs::default(),
            lazy_load: false,
            check: false,
            debugger: Debugger::default(),
            perf_map: false,
            core_dumps: false,
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
            .field("max_threads", &self.max_threads)
            .field("unresolved", &self.unresolved)
            .field("bind", &self.bind)
            .field("dl_stubs", &self.dl_stubs)
            .field("lazy_load", &self.lazy_load)
            .field("check", &self.check)
            .field("debugger", &self.debugger)
            .field("perf_map", &self.perf_map)
            .field("core_dumps", &self.core_dumps)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Whether somebody takes lines of a category.
    pub(crate) fn listens(&self, category: Category) -> bool {
        self.trace.is_some() || category == Category::Warning
    }

    /// Reports a line; the text is made only if somebody listens.
    pub(crate) fn trace(&self, category: Category, text: impl FnOnce() -> String) {
        match &self.trace {
            Some(trace) => trace(category, &text()),
            None if category == Category::Warning => eprintln!("warning: {}", text()),
            None => {}
        }
    }
}
