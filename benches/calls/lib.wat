;; The small function, in a library of its own.
(module
  (@dylink.0 (mem-info))
  (import "env" "memory" (memory 1))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
