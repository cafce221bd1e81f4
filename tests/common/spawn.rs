//! Threads of modules as text: what starts them, and how they wait for each other.

use wasmaot_runtime::{Caller, ThreadEntry, ThreadStart};

/// Starts a thread at the function exported as `thread`: its number, or minus one.
pub fn spawn(caller: &mut Caller<'_>, arg: i32) -> i32 {
    let entry = ThreadEntry::Export {
        name: "thread".to_owned(),
        arg,
    };
    match caller.spawn(ThreadStart::new(entry)) {
        Ok(number) => number as i32,
        Err(error) => {
            eprintln!("{error}");
            -1
        }
    }
}

/// Functions to wait for other threads by words of memory.
pub const WAIT: &str = r#"
  (func $add (param $at i32) (param $n i32)
    (drop (i32.atomic.rmw.add (local.get $at) (local.get $n)))
    (drop (memory.atomic.notify (local.get $at) (i32.const -1))))
  (func $await (param $at i32) (param $n i32) (local $now i32)
    (loop $again
      (local.set $now (i32.atomic.load (local.get $at)))
      (if (i32.ne (local.get $now) (local.get $n)) (then
        (drop (memory.atomic.wait32 (local.get $at) (local.get $now) (i64.const -1)))
        (br $again)))))"#;
