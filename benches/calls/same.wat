;; A loop that calls a small function of its own module.
(module
  (func $add (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $x i32)
    (loop $again
      (local.set $x (call $add (local.get $x) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $x)))
