//! The start of `dyninfo` programs, and their host functions, which modules import by whatever
//! types they like: `sys`, and the `thinthin` functions that open libraries.
//! One is made for each import.

use wasmaot_abi::name::SYS;
use wasmaot_abi::types::{FuncType, ValType};

use crate::config::Category;
use crate::dl::thinthin;
use crate::error::CallError;
use crate::host::{Caller, HostError, HostFunction};
use crate::link::InstanceId;
use crate::process::Process;
use crate::value::Val;

impl Process {
    /// Calls the function that the section of an object says to start with;
    /// `None` if it says none.
    pub(super) fn start_entry(&mut self, id: InstanceId) -> Option<Result<(), CallError>> {
        let instance = &self.link.instances[self.link.instances.number(id)?];
        let entry = instance.object.info().fixups.entry?;
        let index = instance.table_base + u64::from(entry);
        let held = self.space.domains[instance.domain].entry(index)?;
        let ty = self.view().any_type(held.type_id)?.clone();
        let zeros = ty.params.iter().map(|&ty| Val::from_bits(ty, 0));
        let zeros: Vec<Val> = zeros.collect();
        let called = self.call_index(index as u32, &ty, &zeros);
        Some(called.map(|_| ()).map_err(CallError::Trap))
    }
}

/// The function for an import, if there is one of that name and it can be
/// called by that type.
pub(super) fn function(module: &str, name: &str, ty: &FuncType) -> Option<HostFunction> {
    match module {
        SYS => system(name, ty),
        thinthin::MODULE => integers(name, ty),
        _ => None,
    }
}

/// A function of `sys`.
fn system(name: &str, ty: &FuncType) -> Option<HostFunction> {
    type Body = fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<(), HostError>;
    let body: Body = match name {
        "null" => |_, _, _| Err(stop("a call through an empty slot of the function table")),
        "truncdfsi" => truncdfsi,
        "trace" => trace,
        "call" => |_, _, _| Err(unspecified("call")),
        "indcall" => |_, _, _| Err(unspecified("indcall")),
        "eh_return" => |_, _, _| Err(unspecified("eh_return")),
        _ => return None,
    };
    let wanted = FuncType::new([ValType::F64], [ValType::I32]);
    (name != "truncdfsi" || *ty == wanted).then(|| HostFunction::new(SYS, name, ty.clone(), body))
}

fn stop(what: &str) -> HostError {
    HostError::Message(what.to_owned())
}

fn unspecified(name: &str) -> HostError {
    stop(&format!(
        "`sys.{name}` is called, whose effect is not known; compile the program so that it does without"
    ))
}

/// The conversion of C, towards zero; what does not fit is the nearest that does.
fn truncdfsi(_: &mut Caller<'_>, args: &[Val], results: &mut [Val]) -> Result<(), HostError> {
    if let (&[Val::F64(bits)], [result]) = (args, results) {
        *result = Val::I32(f64::from_bits(bits) as i32);
    }
    Ok(())
}

/// Shows its parameters with `WASMAOT_DEBUG=files`.
fn trace(caller: &mut Caller<'_>, args: &[Val], _: &mut [Val]) -> Result<(), HostError> {
    let process = caller.process()?;
    process.config.trace(Category::Files, || {
        let args = args.iter().map(|v| format!("{:#x}", v.bits()));
        format!("trace({})", args.collect::<Vec<_>>().join(", "))
    });
    Ok(())
}

/// A function of `thinthin`, told apart from others of the name by the number
/// of its parameters; its integers may be of either size.
fn integers(name: &str, ty: &FuncType) -> Option<HostFunction> {
    let integer = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
    if !ty.params.iter().chain(&ty.results).all(integer) || ty.results.len() > 1 {
        return None;
    }
    let function = thinthin::find(name, ty.params.len())?;
    let result_type = ty.results.first().copied();
    let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
        // Pointers and lengths: the lower half counts.
        let args: Vec<u32> = args.iter().map(|v| v.bits() as u32).collect();
        let value = function(caller, &args)?;
        if let (Some(ty), [result]) = (result_type, results) {
            *result = Val::from_bits(ty, value.into());
        }
        Ok(())
    };
    Some(HostFunction::new(thinthin::MODULE, name, ty.clone(), body))
}
