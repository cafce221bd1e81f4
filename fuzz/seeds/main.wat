;; A main program of fixed addresses that can be linked with.
(module $main
  (@dylink.0 (mem-info) (needed "library"))
  (import "env" "own" (func $own (result i32)))
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 3 funcref)
  (global (export "__stack_pointer") (mut i32) (i32.const 2048))
  (global (export "__heap_base") i32 (i32.const 80000))
  (global (export "table_of_mine") i32 (i32.const 2048))
  (data (i32.const 2048) "abc")
  (data (i32.const 70000) "def")
  (elem (i32.const 1) $entry $own)
  (func $entry (export "entry") (result i32) (call $own)))
