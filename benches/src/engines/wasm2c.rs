//! wasm2c of wabt: a module becomes C, which gcc compiles as it does the
//! native program. A function that is imported from another module is called
//! by its name in C, so that a call is what the native one is, with a pointer
//! to an instance more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use wasmaot_lab::builds::{FLAGS, LIB, MAIN, once};
use wasmaot_lab::interleave::Runner;
use wasmaot_lab::kernel::HARNESS;
use wasmaot_lab::native;
use wasmaot_lab::tools::{GCC, Tool, Wanted};

use super::NO_FILE;
use super::plan::{Give, Import, Plan, Step};

/// The program.
pub const WASM2C: Wanted = Wanted {
    programs: &["wasm2c"],
    hint: "apt-get install wabt libsimde-dev",
};

/// The symbols below are those of this version.
const VERSION: &str = "1.0.32";

/// `run` of modules of a builds; the library becomes a `.so`. What a C library in the module
/// would ask of WASI is refused: kernels are to do their work alone.
pub fn runner(directory: &Path) -> Result<Runner> {
    let (wasm2c, gcc) = (Tool::find(WASM2C)?, Tool::find(GCC)?);
    let version = wasm2c.version();
    ensure!(
        version == VERSION,
        "its version is {version}, not {VERSION}"
    );
    let plan = Plan::new(directory)?;
    let made_of = format!("{} {version} {FLAGS:?} {HARNESS} {plan:?}", gcc.version());
    let out = once(&directory.join("wasm2c"), &made_of, |out| {
        Building { wasm2c, gcc, out }.build(&plan)
    })?;
    Ok(native::program(&out.join("main")))
}

/// The making of a program.
struct Building<'a> {
    wasm2c: Tool,
    gcc: Tool,
    out: &'a Path,
}

impl Building<'_> {
    fn build(&self, plan: &Plan) -> Result<()> {
        let out = self.out;
        fs::write(out.join("harness.c"), HARNESS)?;
        self.translate("main", MAIN)?;
        let (glue, imports) = match &plan.steps[..] {
            [_, lib, main] => {
                self.translate("lib", LIB)?;
                let imports = Imports::of([lib, main])?;
                let begin = begin(plan, [lib, main]);
                let glue = [DECLARATIONS, &imports.getters(), &begin, RUN].concat();
                (glue, Some(imports))
            }
            _ => (one(&fs::read_to_string(out.join("main.h"))?) + RUN, None),
        };
        fs::write(out.join("glue.c"), glue)?;
        let names = imports.as_ref().map_or(&[][..], |i| &i.main_names);
        self.compile(&["-c", "main.c"], names)?;
        let mut program = vec!["main.o", "glue.c", "harness.c", "-rdynamic"];
        if let Some(imports) = &imports {
            let library = ["-shared", "-fPIC", "lib.c", "-o", "liblib.so"];
            self.compile(&library, &imports.lib_names)?;
            program.extend(["-L.", "-llib", "-Wl,-rpath,$ORIGIN"]);
        }
        program.extend(["-lwasm-rt-impl", "-lm", "-o", "main"]);
        self.compile(&program, &[])
    }

    /// C of a module in the directory above.
    fn translate(&self, name: &str, module: &str) -> Result<()> {
        let (from, to) = (format!("../{module}"), format!("{name}.c"));
        // Jumps of C are made of them.
        let args = ["--enable-exceptions", "-n", name, &from, "-o", &to];
        self.wasm2c.run(self.out, args)
    }

    fn compile(&self, args: &[&str], names: &[String]) -> Result<()> {
        let names = names.iter().map(String::as_str);
        let args = FLAGS.iter().copied().chain(args.iter().copied());
        self.gcc.run(self.out, args.chain(names))
    }
}

/// A program of one module, by the header that was made for it.
fn one(header: &str) -> String {
    let mut out = "#include \"main.h\"\n\nstatic Z_main_instance_t main_instance;\n\n".to_owned();
    let imports = header.lines().skip_while(|line| !line.starts_with(IMPORT));
    let mut given = "";
    for line in imports.filter(|line| line.contains("struct Z_wasi_snapshot_preview1_instance_t*"))
    {
        let Some(declared) = line.strip_suffix(';') else {
            continue;
        };
        let body = match declared.starts_with("void ") {
            true => String::new(),
            false => format!("return {NO_FILE}; "),
        };
        // Parameters without names.
        let _ = writeln!(out, "{declared} {{ {body}}}");
        given = ", 0";
    }
    let _ = write!(
        out,
        "\nstatic void begin(void) {{\n    wasm_rt_init();\n    Z_main_init_module();\n    \
         Z_main_instantiate(&main_instance{given});\n"
    );
    if header.contains("Z_mainZ__initialize(") {
        out += "    Z_mainZ__initialize(&main_instance);\n";
    }
    out + "}\n"
}

/// What stands before each import.
const IMPORT: &str = "/* import: ";

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

/// What two modules import, as C is told it.
#[derive(Default)]
struct Imports {
    /// Flags that give exports of the library the names by which main imports
    /// them, and the other way round.
    lib_names: Vec<String>,
    main_names: Vec<String>,
    /// What both share: type, symbol, variable.
    shared: BTreeSet<(&'static str, String, &'static str)>,
    /// By import space and symbol, the library's number and main's.
    numbers: BTreeMap<(String, String), [u32; 2]>,
}

impl Imports {
    fn of(steps: [&Step; 2]) -> Result<Self> {
        let mut imports = Self::default();
        for (at, step) in steps.into_iter().enumerate() {
            for import in &step.imports {
                imports.add(at, import)?;
            }
        }
        Ok(imports)
    }

    fn add(&mut self, at: usize, import: &Import) -> Result<()> {
        let space = format!("Z_{}", import.module.replace('.', "Z2E"));
        let symbol = format!("{space}Z_{}", import.name);
        let shared = match import.give {
            Give::Memory => ("wasm_rt_memory_t", symbol, "memory"),
            Give::Table => ("wasm_rt_funcref_table_t", symbol, "table"),
            Give::Stack => ("u32", symbol, "stack"),
            Give::Global { value, .. } => {
                ensure!(
                    import.module != "GOT.func",
                    "an address of a function, which this loader does not know"
                );
                self.numbers.entry((space, symbol)).or_default()[at] = value;
                return Ok(());
            }
            Give::Host | Give::Missing => bail!("{symbol} is not defined"),
            Give::Function(_) => {
                let (names, by) = match at {
                    0 => (&mut self.main_names, "main"),
                    _ => (&mut self.lib_names, "lib"),
                };
                names.push(format!("-DZ_{by}Z_{}={symbol}", import.name));
                return Ok(());
            }
        };
        self.shared.insert(shared);
        Ok(())
    }

    /// The functions by which modules ask for memory, table and numbers. Each
    /// says what it was told it imports from: the other module.
    fn getters(&self) -> String {
        let mut out = String::new();
        for (ty, symbol, what) in &self.shared {
            let _ = writeln!(
                out,
                "{ty} *{symbol}(struct Z_env_instance_t *from) {{ return &{what}; }}"
            );
        }
        for ((space, symbol), [lib, main]) in &self.numbers {
            let _ = writeln!(
                out,
                "u32 *{symbol}(struct {space}_instance_t *from) {{\n    \
                 static u32 lib = {lib}, main = {main};\n    \
                 return (void *)from == (void *)&main_instance ? &lib : &main;\n}}"
            );
        }
        out
    }
}

/// The function that makes a program of both modules.
fn begin(plan: &Plan, steps: [&Step; 2]) -> String {
    let given = |step: &Step, other: &str| {
        let spaces: BTreeSet<&str> = step.imports.iter().map(|i| i.module.as_str()).collect();
        format!(", (void *)&{other}_instance").repeat(spaces.len())
    };
    let (pages, table, stack) = (plan.pages, plan.table, plan.stack);
    let mut out = format!(
        "static void begin(void) {{\n    wasm_rt_init();\n    \
         wasm_rt_allocate_memory(&memory, {pages}, {pages});\n    \
         wasm_rt_allocate_funcref_table(&table, {table}, {table});\n    \
         stack = {stack};\n"
    );
    for (step, [name, other]) in steps.into_iter().zip([["lib", "main"], ["main", "lib"]]) {
        let given = given(step, other);
        let _ = writeln!(
            out,
            "    Z_{name}_init_module();\n    Z_{name}_instantiate(&{name}_instance{given});"
        );
    }
    for (step, name) in &plan.calls {
        let module = ["shim", "lib", "main"][*step];
        let _ = writeln!(out, "    Z_{module}Z_{name}(&{module}_instance);");
    }
    out + "}\n"
}
