//! The modules that are run: for each host function and each instruction that
//! calls the runtime an export that passes its arguments on.

use std::fmt::Write as _;

use super::*;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program that is linked dynamically.
    Dynamic,
    /// One whose `malloc` answers what it was last told to.
    Allocator,
    /// A flat one.
    Flat,
    /// One whose threads change arguments while they are looked at.
    Threads,
}

impl Kind {
    /// Every kind; most are dynamic.
    pub const ALL: &[Self] = &[
        Self::Dynamic,
        Self::Dynamic,
        Self::Allocator,
        Self::Flat,
        Self::Threads,
        Self::Threads,
    ];
}

/// An exported function.
#[derive(Debug)]
pub struct Export {
    pub name: String,
    pub params: Vec<ValType>,
    /// What its parameters are, a letter each (`arguments.rs`); empty if that
    /// is not known.
    pub roles: &'static str,
}

/// A module, ready to be loaded.
pub struct Made {
    pub text: String,
    pub object: Arc<Object>,
    pub exports: Vec<Export>,
}

/// Parameters of WASI's functions.
const WASI: &[(&str, &str)] = &[
    ("args_get", "ee"),
    ("args_sizes_get", "ee"),
    ("environ_get", "ee"),
    ("environ_sizes_get", "ee"),
    ("clock_res_get", "ce"),
    ("clock_time_get", "cte"),
    ("fd_advise", "fttc"),
    ("fd_allocate", "fzz"),
    ("fd_close", "f"),
    ("fd_datasync", "f"),
    ("fd_fdstat_get", "fe"),
    ("fd_fdstat_set_flags", "fg"),
    ("fd_fdstat_set_rights", "frr"),
    ("fd_filestat_get", "fe"),
    ("fd_filestat_set_size", "ft"),
    ("fd_filestat_set_times", "ftti"),
    ("fd_pread", "fvqte"),
    ("fd_prestat_get", "fe"),
    ("fd_prestat_dir_name", "fbn"),
    ("fd_pwrite", "fvqte"),
    ("fd_read", "fvqe"),
    ("fd_readdir", "fbnte"),
    ("fd_renumber", "ff"),
    ("fd_seek", "ftce"),
    ("fd_sync", "f"),
    ("fd_tell", "fe"),
    ("fd_write", "fvqe"),
    ("path_create_directory", "fpl"),
    ("path_filestat_get", "fkple"),
    ("path_filestat_set_times", "fkpltti"),
    ("path_link", "fkplfpl"),
    ("path_open", "fkplorrge"),
    ("path_readlink", "fplbne"),
    ("path_remove_directory", "fpl"),
    ("path_rename", "fplfpl"),
    ("path_symlink", "plfpl"),
    ("path_unlink_file", "fpl"),
    ("poll_oneoff", "sbqe"),
    ("proc_exit", "x"),
    ("proc_raise", "x"),
    ("sched_yield", ""),
    ("random_get", "bn"),
    ("thread-spawn", "x"),
    ("sock_accept", "fge"),
    ("sock_recv", "fvqkee"),
    ("sock_send", "fvqje"),
    ("sock_shutdown", "fc"),
];

/// `<dlfcn.h>`: module, name, parameters; all of 32 bits, with a result.
const DLFCN: &[(&str, &str, &str)] = &[
    ("env", "dlopen", "ND"),
    ("env", "dlsym", "hp"),
    ("env", "dlvsym", "hpp"),
    ("env", "dlclose", "h"),
    ("env", "dlerror", ""),
    ("env", "dladdr", "ee"),
    ("env", "dl_iterate_phdr", "ce"),
    ("thinthin", "dlload", "mMe"),
    ("thinthin", "dlreaddep", "hbn"),
    ("thinthin", "dlinstantiate", "he"),
];

/// Functions of the flat host libc whose parameters are addresses and lengths.
const FLAT: &[(&str, &str)] = &[
    ("memcpy", "bbn"),
    ("memmove", "bbn"),
    ("mempcpy", "bbn"),
    ("memset", "bxn"),
    ("memcmp", "bbn"),
    ("strlen", "p"),
    ("strcpy", "bp"),
    ("strncpy", "bpn"),
    ("strcmp", "pp"),
    ("strncmp", "ppn"),
    ("strchr", "px"),
    ("strrchr", "px"),
    ("malloc", "n"),
    ("calloc", "nn"),
    ("realloc", "en"),
    ("free", "e"),
    ("puts", "p"),
    ("putchar", "x"),
    ("open", "pxx"),
    ("close", "f"),
    ("exit", "x"),
];

/// Instructions that call the runtime, or that check what they are given: name,
/// parameters, body.
const INSTRUCTIONS: &[(&str, &str, &str)] = &[
    ("memory.grow", "n", "(drop (memory.grow (local.get 0)))"),
    (
        "memory.fill",
        "bxn",
        "(memory.fill (local.get 0) (local.get 1) (local.get 2))",
    ),
    (
        "memory.copy",
        "bbn",
        "(memory.copy (local.get 0) (local.get 1) (local.get 2))",
    ),
    (
        "memory.init",
        "bnn",
        "(memory.init $data (local.get 0) (local.get 1) (local.get 2))",
    ),
    (
        "table.grow",
        "xn",
        "(drop (table.grow $table (ref.null func) (local.get 1)))",
    ),
    (
        "table.fill",
        "xxn",
        "(table.fill $table (local.get 0) (table.get $table (local.get 1)) (local.get 2))",
    ),
    (
        "table.copy",
        "xxn",
        "(table.copy $table $table (local.get 0) (local.get 1) (local.get 2))",
    ),
    (
        "table.init",
        "xxn",
        "(table.init $table $functions (local.get 0) (local.get 1) (local.get 2))",
    ),
    (
        "table.set",
        "xx",
        "(table.set $table (local.get 0) (table.get $table (local.get 1)))",
    ),
    (
        "call_indirect",
        "x",
        "(drop (call_indirect $table (result i32) (local.get 0)))",
    ),
    (
        "call_indirect of one",
        "xe",
        "(drop (call_indirect $table (param i32) (result i32) (local.get 1) (local.get 0)))",
    ),
    (
        "atomic.wait32",
        "ext",
        "(drop (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))",
    ),
    (
        "atomic.wait64",
        "ett",
        "(drop (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))",
    ),
    (
        "atomic.notify",
        "en",
        "(drop (memory.atomic.notify (local.get 0) (local.get 1)))",
    ),
    ("throw", "x", "(throw $tag (local.get 0))"),
    (
        "catch",
        "e",
        "(drop (block (result i32) (try_table (catch $tag 0) (drop (call $itself (local.get 0)))) (i32.const 0)))",
    ),
    ("load", "e", "(drop (i64.load (local.get 0)))"),
    ("store", "et", "(i64.store (local.get 0) (local.get 1))"),
    ("drop data", "", "(data.drop $data)"),
    ("drop elements", "", "(elem.drop $functions)"),
];

fn wasm(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        _ => "f64",
    }
}

/// The type of a parameter of an instruction.
const fn of_role(role: char) -> ValType {
    match role {
        't' => ValType::I64,
        _ => ValType::I32,
    }
}

/// A module being written.
#[derive(Default)]
struct Text {
    imports: String,
    functions: String,
    exports: Vec<Export>,
}

impl Text {
    /// An import, and an export that calls it.
    fn host(
        &mut self,
        module: &str,
        name: &str,
        params: &[ValType],
        results: &[ValType],
        roles: &'static str,
    ) {
        let list = |types: &[ValType]| types.iter().map(|&ty| wasm(ty)).collect::<Vec<_>>();
        let (params_text, results_text) = (list(params).join(" "), list(results).join(" "));
        let ty = format!("(param {params_text}) (result {results_text})");
        let number = self.exports.len();
        let arguments: String = (0..params.len())
            .map(|i| format!("(local.get {i})"))
            .collect();
        let written = writeln!(
            self.imports,
            "(import {module:?} {name:?} (func $h{number} {ty}))"
        )
        .and_then(|()| {
            writeln!(
                self.functions,
                "(func (export \"{module}.{name}\") {ty} (call $h{number} {arguments}))"
            )
        });
        written.expect("a string takes all");
        self.exports.push(Export {
            name: format!("{module}.{name}"),
            params: params.to_vec(),
            roles,
        });
    }

    fn instruction(&mut self, name: &str, roles: &'static str, body: &str) {
        let params: Vec<ValType> = roles.chars().map(of_role).collect();
        let types: Vec<_> = params.iter().map(|&ty| wasm(ty)).collect();
        let written = writeln!(
            self.functions,
            "(func (export {name:?}) (param {}) {body})",
            types.join(" ")
        );
        written.expect("a string takes all");
        self.exports.push(Export {
            name: name.to_owned(),
            params,
            roles,
        });
    }
}

/// Every host function of a kind.
fn all_hosts(text: &mut Text, kind: Kind) {
    if kind == Kind::Flat {
        for function in flat_libc::functions(std::io::sink()) {
            let roles = FLAT.iter().find(|(name, _)| *name == function.name);
            let roles = roles.map_or("", |(_, roles)| roles);
            let ty = function.ty();
            text.host(
                &function.module,
                &function.name,
                &ty.params,
                &ty.results,
                roles,
            );
        }
        return;
    }
    for function in wasi::functions(HostEnv::new()).iter() {
        let roles = WASI.iter().find(|(name, _)| *name == function.name);
        let (_, roles) = roles.unwrap_or_else(|| panic!("{} is new", function.name));
        let ty = function.ty();
        text.host(
            &function.module,
            &function.name,
            &ty.params,
            &ty.results,
            roles,
        );
    }
    for function in linux::functions(HostEnv::new()).iter() {
        let ty = function.ty();
        text.host(
            &function.module,
            &function.name,
            &ty.params,
            &ty.results,
            "#",
        );
    }
    for (module, name, roles) in DLFCN {
        let params = vec![ValType::I32; roles.len()];
        text.host(module, name, &params, &[ValType::I32], roles);
    }
}

fn build(kind: Kind) -> Made {
    let mut text = Text::default();
    all_hosts(&mut text, kind);
    for (name, roles, body) in INSTRUCTIONS {
        text.instruction(name, roles, body);
    }
    // A flat program takes its memory from the host, any other brings its own.
    let (dylink, memory, start) = match kind {
        Kind::Flat => (
            "",
            "(import \"env\" \"memory\" (memory 3 8))",
            "(func (export \"main\") (result i32) (i32.const 0))",
        ),
        Kind::Threads => (
            "(@dylink.0 (mem-info))",
            "",
            "(memory (export \"memory\") 3 8 shared)
             (global (export \"__stack_pointer\") (mut i32) (i32.const 131072))
             (global (export \"__heap_base\") i32 (i32.const 131072))
             (global $word (mut i32) (i32.const 1))
             (func (export \"wasi_thread_start\") (param i32 i32)
               (global.set $word (i32.add (local.get 0) (local.get 1)))
               (drop (call $change (local.get 1))))
             (func $change (param $n i32) (result i32) (local $at i32)
               (local.set $n (i32.and (local.get $n) (i32.const 0xffff)))
               (loop $again
                 (global.set $word (i32.add (i32.const 12345)
                   (i32.mul (global.get $word) (i32.const 1103515245))))
                 (local.set $at (i32.and (i32.shr_u (global.get $word) (i32.const 8))
                                         (i32.const 0xffff)))
                 ;; What bytes there are changes places, so that names stay names.
                 (i32.store8 (local.get $at)
                   (i32.load8_u (i32.xor (local.get $at) (i32.const 8))))
                 (br_if $again (i32.ge_s
                   (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
               (i32.const 0))
             (elem (table $table) (i32.const 4) func $change)",
        ),
        _ => (
            "(@dylink.0 (mem-info))",
            "",
            "(memory (export \"memory\") 3 8)
             (global (export \"__stack_pointer\") (mut i32) (i32.const 131072))
             (global (export \"__heap_base\") i32 (i32.const 131072))",
        ),
    };
    let allocator = match kind {
        Kind::Allocator => {
            "(func (export \"malloc\") (param i32) (result i32) (i32.load (i32.const 64)))
             (func (export \"free\") (param i32))"
        }
        _ => "",
    };
    let whole = format!(
        "(module {dylink} {memory} {} {start} {allocator}
         (table $table (export \"__indirect_function_table\") 8 funcref)
         (tag $tag (param i32))
         (data $data \"some bytes\")
         (func $itself (param i32) (result i32) (throw $tag (local.get 0)))
         (func $seven (result i32) (i32.const 7))
         (func $callback (param i32 i32 i32) (result i32)
           (drop (i32.load (local.get 0))) (i32.load (local.get 2)))
         (elem $functions func $itself $seven $callback)
         (elem (table $table) (i32.const 1) func $itself $seven $callback)
         {})",
        text.imports, text.functions
    );
    let wasm = wat::parse_str(&whole).unwrap_or_else(|e| panic!("{e}\n{whole}"));
    Made {
        object: object("program", &wasm),
        text: whole,
        exports: text.exports,
    }
}

fn object(name: &str, wasm: &[u8]) -> Arc<Object> {
    let options = seeds::options(OptLevel::None);
    let bytes = wasmaot_compiler::compile(name, wasm, &options, Emit::So);
    let bytes = bytes.unwrap_or_else(|e| panic!("{name}: {e}"));
    Arc::new(native::object(name, &bytes, false).expect("what is compiled is taken"))
}

impl Made {
    /// An export to call: half of the time a file is opened, a system call made or
    /// a library opened, since these have the most to get wrong.
    pub fn pick(&self, random: &mut Random) -> &Export {
        let named = |name: &'static str| self.exports.iter().filter(move |e| e.name.contains(name));
        let wanted = ["path_open", "syscall", "syscall", "dlopen"];
        let some: Vec<&Export> = match random.once_in(2) {
            true => named(random.pick::<&str>(&wanted)).collect(),
            false => Vec::new(),
        };
        if !some.is_empty() {
            return random.pick::<&Export>(&some);
        }
        let export = random.pick(&self.exports);
        // What is closed is of no use to what follows.
        let closes = [
            "fd_close",
            "fd_renumber",
            "dlclose",
            "exit",
            "_Exit",
            "_exit",
        ];
        match closes.iter().any(|name| export.name.ends_with(name)) && !random.once_in(4) {
            true => random.pick(&self.exports),
            false => export,
        }
    }
}

/// The module of a kind.
pub fn made(kind: Kind) -> &'static Made {
    static DYNAMIC: OnceLock<Made> = OnceLock::new();
    static ALLOCATOR: OnceLock<Made> = OnceLock::new();
    static FLAT: OnceLock<Made> = OnceLock::new();
    static THREADS: OnceLock<Made> = OnceLock::new();
    let place = match kind {
        Kind::Dynamic => &DYNAMIC,
        Kind::Allocator => &ALLOCATOR,
        Kind::Flat => &FLAT,
        Kind::Threads => &THREADS,
    };
    place.get_or_init(|| build(kind))
}

/// A library's module, for a program that makes libraries of bytes.
pub fn library_wasm() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| wat::parse_str(library_text("", false)).expect("the text is right"))
}

/// An object of a module that a program has written.
pub fn written(name: &str, wasm: &[u8]) -> Result<Arc<Object>, Error> {
    let options = seeds::options(OptLevel::None);
    let bytes = wasmaot_compiler::compile(name, wasm, &options, Emit::So);
    let bytes = bytes.map_err(|error| Error::Unsupported {
        file: name.to_owned(),
        what: error.to_string(),
    })?;
    native::object(name, &bytes, false).map(Arc::new)
}

/// A library to be opened; `opens`: its constructor opens what the program says
/// at address 68. `shared`: its memory is.
pub fn library(opens: bool, shared: bool) -> Arc<Object> {
    static ALL: [OnceLock<Arc<Object>>; 4] = [const { OnceLock::new() }; 4];
    let make = || {
        let (name, constructor) = match opens {
            false => ("lib.so", ""),
            true => (
                "opener.so",
                "(drop (call $dlopen (i32.load (i32.const 68)) (i32.const 2)))",
            ),
        };
        let wasm = wat::parse_str(library_text(constructor, shared)).expect("the text is right");
        object(name, &wasm)
    };
    let place = usize::from(opens) + 2 * usize::from(shared);
    Arc::clone(ALL[place].get_or_init(make))
}

fn library_text(constructor: &str, shared: bool) -> String {
    let limits = if shared { "1 8 shared" } else { "1" };
    format!(
        "(module (@dylink.0 (mem-info (memory 64 4) (table 1 0)))
             (import \"env\" \"memory\" (memory {limits}))
             (import \"env\" \"__indirect_function_table\" (table 0 funcref))
             (import \"env\" \"__memory_base\" (global $base i32))
             (import \"env\" \"__table_base\" (global $table i32))
             (import \"env\" \"dlopen\" (func $dlopen (param i32 i32) (result i32)))
             (import \"env\" \"absent\" (func $absent))
             (elem (global.get $table) func $own)
             (data (global.get $base) \"data of a library\")
             (global (export \"datum\") i32 (i32.const 4))
             (func $own (export \"own\") (result i32) (i32.load (global.get $base)))
             (func (export \"lost\") (call $absent))
             (func (export \"__wasm_call_ctors\") {constructor}))"
    )
}
