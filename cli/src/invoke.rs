//! `wasmaot run --invoke`: calls of exports, with parameters and results as
//! text.

use std::ffi::OsString;

use anyhow::{Result, bail};
use wasmaot_abi::types::ValType;
use wasmaot_runtime::{InstanceId, Process, Val};

use wasmaot_launch::report::{print, usage};

/// Calls exports in turn and prints their results; `words` are the program's
/// arguments.
pub(crate) fn all(
    process: &mut Process,
    id: InstanceId,
    calls: &[String],
    words: &[OsString],
) -> Result<()> {
    for call in calls {
        let words = (calls.len() == 1).then_some(words);
        let (name, values) = read(process, id, call, words)?;
        for result in process.invoke(id, &name, &values)? {
            print(text(result) + "\n")?;
        }
    }
    Ok(())
}

/// What is called, and with what: `NAME` or `NAME PARAMETER…`. `words`: where
/// the parameters are if they are not there.
fn read(
    process: &Process,
    id: InstanceId,
    call: &str,
    words: Option<&[OsString]>,
) -> Result<(String, Vec<Val>)> {
    let mut parts = call.split_whitespace();
    let first = parts.next().unwrap_or_default();
    // A name may have spaces in it.
    let is_name = first == call.trim() || process.func_type(id, call).is_some();
    let name = if is_name { call } else { first };
    let Some(ty) = process.func_type(id, name).cloned() else {
        bail!("no exported function `{name}`; `wasmaot inspect` lists the exports");
    };
    let given: Vec<String> = match (is_name, words) {
        (false, _) => parts.map(str::to_owned).collect(),
        // One without parameters leaves the arguments to the program.
        (true, _) if ty.params.is_empty() => Vec::new(),
        (true, Some(words)) => {
            let words = words.iter().map(|word| word.to_string_lossy());
            words.map(std::borrow::Cow::into_owned).collect()
        }
        (true, None) => Vec::new(),
    };
    if ty.params.len() != given.len() {
        return Err(usage(format!(
            "{name}: takes {ty}, given {} parameters: --invoke '{name} PARAMETER...'",
            given.len()
        )));
    }
    let values = ty.params.iter().zip(&given);
    let values = values.map(|(&ty, text)| value(ty, text));
    let values = values.collect::<Result<_>>()?;
    Ok((name.to_owned(), values))
}

fn value(ty: ValType, text: &str) -> Result<Val> {
    let bad = |_| usage(format!("`{text}` is not an {ty}"));
    let int = |bits: u32| -> Result<i64> {
        // Both -1 and 0xffffffff are fine for an i32.
        let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |hex| (hex, 16));
        let wide = i128::from_str_radix(digits, radix).map_err(|e| bad(e.to_string()))?;
        let fits = (-(1 << (bits - 1))..1 << bits).contains(&wide);
        if fits {
            Ok(wide as i64)
        } else {
            Err(bad("range".to_owned()))
        }
    };
    Ok(match ty {
        ValType::I32 => Val::I32(int(32)? as i32),
        ValType::I64 => Val::I64(int(64)?),
        ValType::F32 => Val::F32(
            text.parse::<f32>()
                .map_err(|e| bad(e.to_string()))?
                .to_bits(),
        ),
        ValType::F64 => Val::F64(
            text.parse::<f64>()
                .map_err(|e| bad(e.to_string()))?
                .to_bits(),
        ),
        ValType::V128 => Val::V128(text.parse().map_err(|_| bad("vector".to_owned()))?),
        ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => {
            return Err(usage(format!(
                "a parameter of type {ty} cannot be given on the command line"
            )));
        }
    })
}

fn text(value: Val) -> String {
    match value {
        Val::I32(v) => v.to_string(),
        Val::I64(v) => v.to_string(),
        Val::F32(v) => f32::from_bits(v).to_string(),
        Val::F64(v) => f64::from_bits(v).to_string(),
        Val::V128(v) => v.to_string(),
        Val::FuncRef(0) | Val::ExternRef(0) | Val::ExnRef(0) => "null".to_owned(),
        Val::FuncRef(v) => format!("function {v:#x}"),
        Val::ExternRef(v) => format!("extern {v:#x}"),
        Val::ExnRef(v) => format!("exception {v:#x}"),
    }
}
