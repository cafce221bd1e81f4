//! wasm2c of wabt: a module becomes C, which gcc compiles as it does the
//! native program. A function that is imported from another module is called
//! by its name in C, so that a call is what the native one is, with a pointer
//! to an instance more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use wasmaot_lab::contest::Runner;
use wasmaot_lab::kernel::HARNESS;
use wasmaot_lab::native;
use wasmaot_lab::tools::{GCC, Tool, Wanted};
use wasmaot_lab::workshop::{FLAGS, LIB, MAIN};

use super::plan::{Give, Plan, Step};

/// The program.
pub const WASM2C: Wanted = Wanted {
    programs: &["wasm2c"],
    hint: "apt-get install wabt",
};

/// The symbols below are those of this version.
const VERSION: &str = "1.0.32";

/// `run` of modules of a workshop; the library becomes a `.so`.
pub fn runner(directory: &Path) -> Result<Runner> {
    let (wasm2c, gcc) = (Tool::find(WASM2C)?, Tool::find(GCC)?);
    let version = wasm2c.version();
    ensure!(
        version == VERSION,
        "its version is {version}, not {VERSION}"
    );
    let out = directory.join("wasm2c");
    fs::create_dir_all(&out)?;
    fs::write(out.join("harness.c"), HARNESS)?;
    wasm2c.run(&out, ["-n", "main", &format!("../{MAIN}"), "-o", "main.c"])?;
    let two = directory.join(LIB).exists();
    let (glue, renamed) = if two {
        wasm2c.run(&out, ["-n", "lib", &format!("../{LIB}"), "-o", "lib.c"])?;
        glue(&Plan::new(directory)?)?
    } else {
        (format!("{ONE}{RUN}"), Renamed::default())
    };
    fs::write(out.join("glue.c"), glue)?;
    let compile = |args: &[&str], names: &[String]| {
        let names = names.iter().map(String::as_str);
        gcc.run(
            &out,
            FLAGS
                .iter()
                .copied()
                .chain(args.iter().copied())
                .chain(names),
        )
    };
    compile(&["-c", "main.c"], &renamed.main)?;
    let mut program = vec!["main.o", "glue.c", "harness.c", "-rdynamic"];
    if two {
        compile(
            &["-shared", "-fPIC", "lib.c", "-o", "liblib.so"],
            &renamed.lib,
        )?;
        program.extend(["-L.", "-llib", "-Wl,-rpath,$ORIGIN"]);
    }
    program.extend(["-lwasm-rt-impl", "-lm", "-o", "main"]);
    compile(&program, &[])?;
    Ok(native::program(&out.join("main")))
}

/// A program of one module.
const ONE: &str = "\
#include \"main.h\"

static Z_main_instance_t main_instance;

static void begin(void) {
    wasm_rt_init();
    Z_main_init_module();
    Z_main_instantiate(&main_instance);
}
";

/// What a program of two has in common with others.
const DECLARATIONS: &str = "\
#include \"lib.h\"
#include \"main.h\"

static Z_lib_instance_t lib_instance;
static Z_main_instance_t main_instance;
static wasm_rt_memory_t memory;
static wasm_rt_funcref_table_t table;
static u32 stack;

";

/// What the harness calls.
const RUN: &str = "
int run(int n) {
    static int begun;
    if (!begun++)
        begin();
    return (int)Z_mainZ_run(&main_instance, (u32)n);
}
";

/// Flags that give exports of a module the names by which the other imports them.
#[derive(Default)]
struct Renamed {
    lib: Vec<String>,
    main: Vec<String>,
}

/// C that has the memory, the table and the numbers that both modules import.
/// Each module is given the other one where it asks for where imports are from.
fn glue(plan: &Plan) -> Result<(String, Renamed)> {
    let [_, lib, main] = &plan.steps[..] else {
        bail!("not a plan of two modules");
    };
    let mut renamed = Renamed::default();
    let mut shared = BTreeSet::new();
    let mut numbers: BTreeMap<(String, String), [u32; 2]> = BTreeMap::new();
    for (at, import) in lib
        .imports
        .iter()
        .map(|i| (0, i))
        .chain(main.imports.iter().map(|i| (1, i)))
    {
        let space = format!("Z_{}", import.module.replace('.', "Z2E"));
        let symbol = format!("{space}Z_{}", import.name);
        match import.give {
            Give::Memory => shared.insert(("wasm_rt_memory_t", symbol, "memory")),
            Give::Table => shared.insert(("wasm_rt_funcref_table_t", symbol, "table")),
            Give::Stack => shared.insert(("u32", symbol, "stack")),
            Give::Global { value, .. } => {
                ensure!(
                    import.module != "GOT.func",
                    "an address of a function, which this loader does not know"
                );
                numbers.entry((space, symbol)).or_default()[at] = value;
                false
            }
            Give::Function(_) => {
                let (names, by) = match at {
                    0 => (&mut renamed.main, "main"),
                    _ => (&mut renamed.lib, "lib"),
                };
                names.push(format!("-DZ_{by}Z_{}={symbol}", import.name));
                false
            }
        };
    }
    let mut out = DECLARATIONS.to_owned();
    for (ty, symbol, what) in shared {
        let _ = writeln!(
            out,
            "{ty} *{symbol}(struct Z_env_instance_t *from) {{ return &{what}; }}"
        );
    }
    for ((space, symbol), [lib, main]) in numbers {
        let _ = writeln!(
            out,
            "u32 *{symbol}(struct {space}_instance_t *from) {{\n    static u32 lib = {lib}, main = {main};\n    \
             return (void *)from == (void *)&main_instance ? &lib : &main;\n}}"
        );
    }
    let given = |step: &Step, other: &str| {
        let spaces: BTreeSet<&str> = step.imports.iter().map(|i| i.module.as_str()).collect();
        format!(", (void *)&{other}_instance").repeat(spaces.len())
    };
    let _ = writeln!(out, "static void begin(void) {{\n    wasm_rt_init();");
    let (pages, table) = (plan.pages, plan.table);
    let _ = writeln!(
        out,
        "    wasm_rt_allocate_memory(&memory, {pages}, {pages});"
    );
    let _ = writeln!(
        out,
        "    wasm_rt_allocate_funcref_table(&table, {table}, {table});"
    );
    let _ = writeln!(out, "    stack = {};", plan.stack);
    for (name, step, other) in [("lib", lib, "main"), ("main", main, "lib")] {
        let given = given(step, other);
        let _ = writeln!(out, "    Z_{name}_init_module();");
        let _ = writeln!(out, "    Z_{name}_instantiate(&{name}_instance{given});");
    }
    for &(step, name) in &plan.calls {
        let module = if step == 1 { "lib" } else { "main" };
        let _ = writeln!(out, "    Z_{module}Z_{name}(&{module}_instance);");
    }
    out += "}\n";
    out += RUN;
    Ok((out, renamed))
}
