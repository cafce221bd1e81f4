//! Programs of ours under a binding: compiled as it needs, each module once for
//! all bindings that need the same; loaded, run, and looked at.

use std::cell::{Ref, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail, ensure};
use wasmaot::prelink::build_alone;
use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_compiler::{Calls, Emit, Options, compile};
use wasmaot_hosts::{HostEnv, Output, OutputBuffer, linux, wasi};
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{CallError, Caller, Config, HostFunction, InstanceId, Object, Process, Val};

use crate::builds::Builds;
use crate::dyninfo;
use crate::interleave::{Runner, cpu_time, measured, warm_up};
use crate::kernel::Kernel;
use crate::rewrite::{self, Facts};
use crate::variant::{Binding, Link};

/// A module of a program.
#[derive(Clone, Debug)]
pub struct Module {
    /// The name that others need it by.
    pub name: String,
    /// The module.
    pub wasm: Vec<u8>,
    /// Whether it is loaded with main though none needs it by its name.
    pub beside: bool,
}

/// What main does when it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    /// So many units, by a parameter.
    Units(ValType),
    /// What it does, whatever is asked for.
    Once,
    /// A whole program, in a new process each time.
    Start,
}

/// What is given to a program that is more than a function.
type MakeEnv = Rc<dyn Fn() -> Result<HostEnv>>;

/// A program: modules, and the function that is measured.
pub struct Program {
    /// Main first.
    modules: Vec<Module>,
    facts: Vec<Facts>,
    entry: String,
    work: Work,
    options: Options,
    env: MakeEnv,
    /// Whether each run is of a process of its own.
    fresh: bool,
    /// Whether it is a program of the `flat` ABI.
    flat: bool,
    built: RefCell<HashMap<Form, Arc<Vec<Built>>>>,
}

/// What objects differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Form {
    calls: Calls,
    host: bool,
    prelinked: bool,
}

/// A module's object.
pub(crate) struct Built {
    pub name: String,
    pub file: Vec<u8>,
    beside: bool,
    object: Arc<Object>,
}

impl Built {
    /// Takes what the compiler has made of a module.
    #[expect(unsafe_code, reason = "objects are native code")]
    fn new(module: &Module, file: Vec<u8>) -> Result<Self> {
        // SAFETY: the compiler has made the bytes, of one module or of a set.
        let object = unsafe { Object::from_bytes(&module.name, &file, false) }?;
        Ok(Self {
            name: module.name.clone(),
            object: Arc::new(object),
            beside: module.beside,
            file,
        })
    }
}

/// A program in a process.
pub struct Live {
    pub(crate) process: Process,
    pub(crate) main: InstanceId,
    pub(crate) built: Arc<Vec<Built>>,
    output: OutputBuffer,
}

/// The time that loading takes, of objects that are open: mapping, resolving,
/// relocating, initialising.
pub const LOAD: &str = "load";

/// The function that starts a program.
pub const START: &str = "_start";

impl Program {
    /// A program that is measured by a function that main exports.
    ///
    /// # Errors
    /// Main has no such function, or one that cannot be called so.
    pub fn new(modules: Vec<Module>, entry: &str, options: &Options) -> Result<Self> {
        let facts = modules
            .iter()
            .map(|module| rewrite::facts(&module.wasm).with_context(|| module.name.clone()));
        let facts: Vec<Facts> = facts.collect::<Result<_>>()?;
        let (Some(main), Some(of_main)) = (modules.first(), facts.first()) else {
            bail!("a program of no module");
        };
        let work = work(entry, of_main).with_context(|| main.name.clone())?;
        Ok(Self {
            modules,
            facts,
            entry: entry.to_owned(),
            work,
            options: options.clone(),
            env: Rc::new(|| Ok(HostEnv::new())),
            fresh: false,
            flat: false,
            built: RefCell::default(),
        })
    }

    /// A kernel that a builds makes.
    ///
    /// # Errors
    /// The builds cannot make it.
    pub fn of_kernel(
        builds: &Builds,
        kernel: &Kernel,
        link: Link,
        options: &Options,
    ) -> Result<Self> {
        let files = builds.modules(kernel, link.cut())?.into_iter();
        let modules = files.map(|(name, path)| {
            let wasm = std::fs::read(&path);
            let wasm = wasm.with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Module {
                name,
                wasm,
                beside: false,
            })
        });
        let mut modules = modules.collect::<Result<Vec<_>>>()?;
        if link == Link::Dyninfo {
            for module in &mut modules {
                module.wasm = dyninfo::of_dylink(&module.wasm)?;
            }
        }
        let program = Self::new(modules, "run", options)?;
        Ok(Self {
            flat: link == Link::Flat,
            ..program
        })
    }

    /// The same with arguments, directories and the like.
    #[must_use]
    pub fn within(mut self, env: impl Fn() -> Result<HostEnv> + 'static) -> Self {
        self.env = Rc::new(env);
        self
    }

    /// The same, but each run is of a process of its own: what the function
    /// leaves behind changes no later run.
    #[must_use]
    pub const fn fresh_each_time(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Whether it can be asked for so much work.
    pub fn has_units(&self) -> bool {
        matches!(self.work, Work::Units(_))
    }

    /// Whether it is a whole program, and not one of its functions.
    pub fn is_whole(&self) -> bool {
        self.work == Work::Start
    }

    /// Number of modules.
    pub fn size(&self) -> usize {
        self.modules.len()
    }

    /// The objects for a binding.
    fn objects(&self, binding: Binding) -> Result<Arc<Vec<Built>>> {
        let form = Form {
            calls: binding.calls(),
            host: binding == Binding::Host,
            prelinked: binding == Binding::Static,
        };
        if let Some(built) = self.built.borrow().get(&form) {
            return Ok(Arc::clone(built));
        }
        let modules = || self.modules.iter().enumerate();
        let files = match form.prelinked {
            true => {
                let modules = modules().map(|(_, m)| (m.name.clone(), m.wasm.clone()));
                build_alone(&modules.collect::<Vec<_>>(), &self.options)?
            }
            false => modules()
                .map(|(number, module)| self.compile(number, module, form))
                .collect::<Result<_>>()?,
        };
        let built = self.modules.iter().zip(files);
        let built = built.map(|(module, file)| Built::new(module, file));
        let built = Arc::new(built.collect::<Result<Vec<_>>>()?);
        self.built.borrow_mut().insert(form, Arc::clone(&built));
        Ok(built)
    }

    fn compile(&self, number: usize, module: &Module, form: Form) -> Result<Vec<u8>> {
        let mut wasm = module.wasm.clone();
        if form.host {
            let owners = self.owners(number);
            wasm = rewrite::through_host(&wasm, |name| owners.contains_key(name))?;
        }
        if form.calls == Calls::Table && self.size() > 1 {
            wasm = rewrite::with_table(&wasm)?;
        }
        let options = Options {
            calls: form.calls,
            ..self.options.clone()
        };
        Ok(compile(&module.name, &wasm, &options, Emit::So)?)
    }

    /// The functions that a module imports and another defines, with the
    /// first that does.
    fn owners(&self, number: usize) -> HashMap<String, (usize, FuncType)> {
        let imports = self.facts[number].imports.iter();
        let defined = imports.filter_map(|name| {
            let all = self.facts.iter().enumerate();
            let mut others = all.filter(|&(other, _)| other != number);
            let (owner, ty) = others.find_map(|(n, f)| Some((n, f.exports.get(name)?)))?;
            Some((name.clone(), (owner, ty.clone())))
        });
        defined.collect()
    }

    /// Functions of the host, each of which calls the one of a module that it
    /// is called after.
    fn trampolines(&self) -> Vec<HostFunction> {
        let all = (0..self.size()).flat_map(|number| self.owners(number));
        let mut seen = HashSet::new();
        let once = all.filter(|(name, _)| seen.insert(name.clone()));
        let made = once.map(|(name, (owner, ty))| {
            let (module, called) = (self.modules[owner].name.clone(), name.clone());
            let found: OnceLock<InstanceId> = OnceLock::new();
            let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
                let id = match found.get() {
                    Some(&id) => id,
                    None => {
                        let mut loaded = caller.process()?.link_map();
                        let entry = loaded.find(|entry| entry.name == module);
                        let gone = || {
                            let text = format!("{module} is not loaded");
                            wasmaot_runtime::HostError::Message(text)
                        };
                        let id = entry.ok_or_else(gone)?.id;
                        *found.get_or_init(|| id)
                    }
                };
                results.copy_from_slice(&caller.invoke(id, &called, args)?);
                Ok(())
            };
            HostFunction::new(rewrite::HOST, name, ty, body)
        });
        made.collect()
    }

    /// Loads it.
    ///
    /// # Errors
    /// A module is not valid, a symbol is missing, an initialiser fails.
    pub fn load(&self, binding: Binding) -> Result<Live> {
        let built = self.objects(binding)?;
        let mut process = Process::new(Config {
            bind: binding.bind(),
            check: cfg!(debug_assertions),
            ..Config::default()
        })?;
        let output = OutputBuffer::new();
        let env = || {
            let given = (self.env)()?;
            anyhow::Ok(given.stdout(Output::Buffer(output.clone())))
        };
        process.add_host_functions(wasi::functions(env()?));
        process.add_host_functions(linux::functions(env()?));
        if binding == Binding::Host {
            process.add_host_functions(self.trampolines());
        }
        let libraries = Arc::clone(&built);
        process.set_finder(move |name: &str, _: &Object| {
            let found = libraries.iter().find(|built| built.name == name);
            Ok(found.map(|built| Arc::clone(&built.object)))
        });
        let object = &built.first().context("a program of no module")?.object;
        let beside = built.iter().skip(1).filter(|b| b.beside || self.flat);
        let beside: Vec<_> = beside.map(|b| Arc::clone(&b.object)).collect();
        let main = match self.flat {
            true => process.load_flat(Arc::clone(object), &beside)?,
            false => process.load_program(Arc::clone(object), &beside)?,
        };
        Ok(Live {
            process,
            main,
            built,
            output,
        })
    }

    /// Does so much work in a process; what came of it, as a number.
    fn run(&self, live: &mut Live, n: u32) -> Result<i32> {
        let units = match &self.work {
            Work::Units(ValType::I64) => vec![Val::I64(n.into())],
            Work::Units(_) => vec![Val::I32(n.cast_signed())],
            Work::Once => vec![],
            Work::Start => {
                let code = match live.process.start(live.main) {
                    Ok(()) => 0,
                    Err(CallError::Trap(trap)) => match trap.reason {
                        TrapReason::Exit(code) => code,
                        _ => bail!("{trap}"),
                    },
                    Err(error) => return Err(error.into()),
                };
                return Ok(live.output.take().iter().fold(code, digest));
            }
        };
        let results = live.process.invoke(live.main, &self.entry, &units)?;
        Ok(match results[..] {
            [] => 0,
            [Val::I32(value)] => value,
            _ => {
                let bytes = results.iter().flat_map(|r| r.bits().to_le_bytes());
                bytes.fold(0, |sum, byte| digest(sum, &byte))
            }
        })
    }
}

/// A check-sum with one byte more.
fn digest(sum: i32, byte: &u8) -> i32 {
    (sum ^ i32::from(*byte)).wrapping_mul(0x0100_0193)
}

fn work(entry: &str, main: &Facts) -> Result<Work> {
    let Some(ty) = main.exports.get(entry) else {
        let mut names: Vec<&str> = main.exports.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.truncate(12);
        bail!(
            "exports no function `{entry}`; name one with --invoke: {}",
            names.join(" ")
        );
    };
    if entry == START {
        return Ok(Work::Start);
    }
    match ty.params[..] {
        [] => Ok(Work::Once),
        [param @ (ValType::I32 | ValType::I64)] => Ok(Work::Units(param)),
        _ => bail!("`{entry}` has to take how much to do, one integer, or nothing; it is {ty}"),
    }
}

/// A program loaded for measurement. Clones are one.
#[derive(Clone)]
pub struct Loaded {
    program: Rc<Program>,
    binding: Binding,
    live: Rc<RefCell<Live>>,
}

impl Loaded {
    /// Loads a program under a binding.
    ///
    /// # Errors
    /// As [`Program::load`].
    pub fn new(program: &Rc<Program>, binding: Binding) -> Result<Self> {
        ensure!(
            binding == Binding::Inside || program.size() > 1,
            "there is one module: nothing to bind; needed libraries are given with --lib or -L"
        );
        Ok(Self {
            live: Rc::new(RefCell::new(program.load(binding)?)),
            program: Rc::clone(program),
            binding,
        })
    }

    /// Runs it, measured; and loads it once more, which is measured by itself.
    pub fn runner(&self) -> Runner {
        let this = self.clone();
        Box::new(move |n| {
            let program = &this.program;
            let mut live = this.live.borrow_mut();
            let start = cpu_time();
            let fresh = program.load(this.binding)?;
            let load = (cpu_time() - start).as_nanos() as f64;
            if program.fresh || program.work == Work::Start {
                *live = fresh;
            }
            match program.work {
                Work::Units(_) => {
                    program.run(&mut live, warm_up(n))?;
                }
                // What is touched for the first time is not measured.
                Work::Once if program.fresh => {
                    program.run(&mut live, n)?;
                }
                Work::Start | Work::Once => {}
            }
            let mut sample = measured(|| program.run(&mut live, n))?;
            sample.extra.push((LOAD, load));
            Ok(sample)
        })
    }

    /// The process, as the last run left it.
    pub(crate) fn live(&self) -> Ref<'_, Live> {
        self.live.borrow()
    }

    /// Whether it is a program of the `flat` ABI.
    pub(crate) fn is_flat(&self) -> bool {
        self.program.flat
    }

    /// Name of the function that is measured.
    pub(crate) fn entry(&self) -> &str {
        &self.program.entry
    }
}
