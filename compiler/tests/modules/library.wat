;; A shared library with a bit of everything that leaves a trace in the object.
(module
  (@custom "dylink.0" (before first)
    "\01\06\80\40\04\04\02\00" "\02\06\01\04a.so" "\05\0a\01\08/one:two")
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $tbase i32))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "GOT.mem" "stdout" (global $stdout (mut i32)))
  (import "GOT.func" "callback" (global $callback (mut i32)))
  (import "env" "puts" (func $puts (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (result i32)))
  (data (global.get $base) "hello")
  (elem (global.get $tbase) func $greet $puts)
  (global (export "greeting") i32 (i32.const 0))
  (global (export "room") i32 (i32.const 5000))
  (global $count (export "count") (mut i64) (i64.const 7))
  (func $greet (export "greet") (param i32) (result i32)
    (local i32)
    global.get $sp
    i32.const 16
    i32.sub
    local.tee 1
    global.set $sp
    (global.set $count (i64.add (global.get $count) (i64.const 1)))
    (if (i32.eqz (local.get 0)) (then unreachable))
    (call_indirect (param i32) (result i32)
      (call $puts (i32.load (global.get $stdout)))
      (global.get $callback))
    (call $write)
    i32.add
    (memory.fill (global.get $base) (i32.const 0) (local.get 0))
    (global.set $sp (i32.add (local.get 1) (i32.const 16))))
  (func $quiet))
