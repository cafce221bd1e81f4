//! A module of the `dylink.0` convention as the second ABI of 2016 has it
//! (`abi/dyninfo.md`): the same code and data, but functions of other modules are called
//! through words of the table, and addresses of their data are words of the module's own
//! memory, all of which the loader writes as section `dyninfo` says.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, CustomSection, EntityType, ExportKind, ExportSection, Function, GlobalType,
    ImportSection, Instruction, MemArg, MemArgTarget, RawSection, ValType,
};
use wasmparser::{
    Dylink0Subsection, ExternalKind, FunctionBody, KnownCustom, Operator, Parser, Payload, TypeRef,
};

use crate::rewrite::with_table;

/// What addresses of data exceed those in the module's memory by.
const BIAS: u64 = 0x4000;
/// Bytes of a word.
const WORD: u64 = 4;

/// The module.
///
/// # Errors
/// It is not a module of that convention, or one that does what is not translated: data
/// with addresses in it, thread-local variables.
pub(crate) fn of_dylink(wasm: &[u8]) -> Result<Vec<u8>> {
    let wasm = with_table(wasm)?;
    let plan = Plan::of(&wasm)?;
    let mut out = wasm_encoder::Module::new();
    let section = plan.section.to_string();
    out.section(&CustomSection {
        name: "dyninfo".into(),
        data: section.as_bytes().into(),
    });
    let mut code = CodeSection::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        match payload? {
            Payload::ImportSection(_) => {
                out.section(&plan.imports);
            }
            Payload::ExportSection(_) => {
                out.section(&plan.exports);
            }
            Payload::CodeSectionStart { .. } => {}
            Payload::CodeSectionEntry(body) => {
                code.function(&plan.body(&body)?);
                if code.len() == plan.bodies {
                    out.section(&code);
                }
            }
            Payload::CustomSection(section) if section.name() == "dylink.0" => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let bytes = wasm.get(range.start as usize..range.end as usize);
                    let data = bytes.context("a section beyond the module's end")?;
                    out.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(out.finish())
}

/// What becomes of the module.
#[derive(Default)]
struct Plan {
    imports: ImportSection,
    exports: ExportSection,
    /// What the section says.
    section: Value,
    /// Functions of the module.
    bodies: u32,
    /// Imported functions: of what type, and in which entry of the table they are.
    functions: Vec<Option<(u32, i32)>>,
    /// Imported globals that are addresses: the offset of the word.
    words: Vec<Option<u64>>,
    /// The globals that are the bases of memory and table.
    bases: [u32; 2],
}

/// Where the loader writes what, as lists of the section.
#[derive(Default)]
struct Lists {
    refs: Vec<Value>,
    refun: Vec<Value>,
    def: Vec<Value>,
    defun: Vec<Value>,
    libs: Vec<Value>,
}

impl Plan {
    fn of(wasm: &[u8]) -> Result<Self> {
        let mut plan = Self::default();
        let mut lists = Lists::default();
        let (mut memory, mut table) = (0, 0);
        let mut globals: Vec<u64> = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::CustomSection(section) => {
                    if let KnownCustom::Dylink0(reader) = section.as_known() {
                        for part in reader {
                            match part? {
                                Dylink0Subsection::MemInfo(info) => {
                                    memory = u64::from(info.memory_size).next_multiple_of(WORD);
                                    table = info.table_size;
                                }
                                Dylink0Subsection::Needed(names) => {
                                    lists.libs.extend(names.into_iter().map(Value::from));
                                }
                                _ => {}
                            }
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        plan.import(&import, &mut memory, &mut table, &mut lists)?;
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        globals.push(offset(&global?));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        let own = (export.index as usize).checked_sub(plan.words.len());
                        let at = own.and_then(|own| globals.get(own));
                        plan.export(&export, at.copied(), &mut table, &mut lists);
                    }
                }
                Payload::CodeSectionStart { count, .. } => plan.bodies = count,
                _ => {}
            }
        }
        plan.section = json!({
            "data": BIAS,
            "data_end": BIAS + memory,
            "plt_end": table,
            "ref": lists.refs,
            "refun": lists.refun,
            "def": lists.def,
            "defun": lists.defun,
            "libs": lists.libs,
        });
        Ok(plan)
    }

    fn import(
        &mut self,
        import: &wasmparser::Import<'_>,
        memory: &mut u64,
        table: &mut u32,
        lists: &mut Lists,
    ) -> Result<()> {
        let entity = RoundtripReencoder.entity_type(import.ty);
        let entity = entity.context("an import of an unknown type")?;
        let base = EntityType::Global(GlobalType {
            val_type: ValType::I32,
            mutable: false,
            shared: false,
        });
        let (module, name) = (import.module, import.name);
        let (module, name, entity) = match (module, name, import.ty) {
            ("env", _, TypeRef::Func(ty)) => {
                lists.refun.push(json!([name, *table]));
                self.functions.push(Some((ty, table.cast_signed())));
                *table += 1;
                // Whoever is called is in the table; what is imported keeps the numbers.
                ("sys", "null", entity)
            }
            (_, _, TypeRef::Func(_)) => {
                self.functions.push(None);
                (module, name, entity)
            }
            ("GOT.mem" | "GOT.func", _, TypeRef::Global(_)) => {
                lists.refs.push(json!([name, BIAS + *memory]));
                self.words.push(Some(*memory));
                *memory += WORD;
                ("sys", "got", base)
            }
            ("env", "__memory_base", _) => {
                self.bases[0] = self.words.len() as u32;
                self.words.push(None);
                ("sys", "got", base)
            }
            ("env", "__table_base", _) => {
                self.bases[1] = self.words.len() as u32;
                self.words.push(None);
                ("sys", "plt", base)
            }
            ("env", "__stack_pointer", _) => {
                bail!("a stack pointer that modules share has no form in dyninfo")
            }
            (_, _, TypeRef::Global(_)) => {
                self.words.push(None);
                (module, name, entity)
            }
            (_, _, TypeRef::Memory(_)) => ("sys", "memory", entity),
            (_, _, TypeRef::Table(_)) => ("sys", "table", entity),
            _ => bail!("{module}.{name}: an import that has no form in dyninfo"),
        };
        self.imports.import(module, name, entity);
        Ok(())
    }

    /// A function goes by a number, data by its place; what is no symbol of C stays.
    fn export(
        &mut self,
        export: &wasmparser::Export<'_>,
        at: Option<u64>,
        table: &mut u32,
        lists: &mut Lists,
    ) {
        let name = export.name;
        match (export.kind, at) {
            (ExternalKind::Func, _) if name == "run" || name.starts_with("__wasm") => {
                self.exports.export(name, ExportKind::Func, export.index);
            }
            (ExternalKind::Func, _) => {
                lists.defun.push(json!([name, *table]));
                let number = format!("f_{table:x}");
                let padded = format!("{number:16}");
                self.exports.export(&padded, ExportKind::Func, export.index);
                *table += 1;
            }
            (ExternalKind::Global, Some(at)) => lists.def.push(json!([name, BIAS + at])),
            _ => {}
        }
    }

    /// A function with the calls and the addresses of other modules as they are reached here.
    fn body(&self, body: &FunctionBody<'_>) -> Result<Function> {
        let mut locals = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            locals.push((count, RoundtripReencoder.val_type(ty).context("a type")?));
        }
        let mut function = Function::new(locals);
        let [memory, table] = self.bases;
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Call { function_index }
                    if let Some(Some((ty, entry))) =
                        self.functions.get(function_index as usize) =>
                {
                    function.instruction(&Instruction::GlobalGet(table));
                    function.instruction(&Instruction::I32Const(*entry));
                    function.instruction(&Instruction::I32Add);
                    function.instruction(&Instruction::CallIndirect {
                        type_index: *ty,
                        table_index: 0,
                    });
                }
                Operator::GlobalGet { global_index }
                    if let Some(Some(word)) = self.words.get(global_index as usize) =>
                {
                    function.instruction(&Instruction::GlobalGet(memory));
                    function.instruction(&Instruction::I32Load(MemArg {
                        offset: *word,
                        align: 2,
                        target: MemArgTarget::default(),
                        ordering: None,
                    }));
                }
                operator => {
                    let same = RoundtripReencoder.instruction(operator);
                    function.instruction(&same.context("an instruction")?);
                }
            }
        }
        Ok(function)
    }
}

/// The constant with which a global begins: of data, where it is behind the memory base.
fn offset(global: &wasmparser::Global<'_>) -> u64 {
    match global.init_expr.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => value.cast_unsigned().into(),
        _ => 0,
    }
}
