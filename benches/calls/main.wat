;; The same loop, calling the function of the library.
(module
  (@dylink.0 (mem-info) (needed "lib"))
  (import "env" "memory" (memory 1))
  (import "env" "add" (func $add (param i32 i32) (result i32)))
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $x i32)
    (loop $again
      (local.set $x (call $add (local.get $x) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $x)))
