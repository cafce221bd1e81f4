;; A program of two modules, by hand. To run it:
;;
;;     wasmaot run examples/greet/main.wat
;;
;; To see it as a pair of ELF files:
;;
;;     wasmaot build examples/greet/main.wat examples/greet/greet.wat
;;     readelf --dynamic --relocs examples/greet/main.wat.elf

(module
  ;; subsection 1, memory: 36 bytes aligned to 2^2, no table entries
  ;; subsection 2, needed: 1 library, `greet.wat` (9 bytes)
  (@custom "dylink.0" (before first)
    "\01\04" "\24\02\00\00"
    "\02\0b" "\01\09greet.wat")

  (type $print (func (param i32 i32)))

  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $data i32))

  ;; From greet.wat, which need not exist when this is built: a function, and
  ;; the address of a variable, which the loader writes into the GOT.
  (import "env" "greet" (func $greet (result i32)))
  (import "GOT.mem" "greetings" (global $greetings (mut i32)))

  ;; At 0 the vector for fd_write, at 8 its result, at 12 text.
  (data (global.get $data)
    "\00\00\00\00\00\00\00\00" "\00\00\00\00" "\n" "called back" "greetings: ?")

  ;; The library prints through this.
  (func $print (export "print") (type $print)
    (i32.store (global.get $data) (local.get 0))
    (i32.store offset=4 (global.get $data) (local.get 1))
    (drop (call $fd_write (i32.const 1) (global.get $data) (i32.const 1)
      (i32.add (global.get $data) (i32.const 8))))
    (i32.store (global.get $data) (i32.add (global.get $data) (i32.const 12)))
    (i32.store offset=4 (global.get $data) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (global.get $data) (i32.const 1)
      (i32.add (global.get $data) (i32.const 8)))))

  (func (export "_start")
    ;; Greet twice; the second time, call what comes back through the table.
    (drop (call $greet))
    (call_indirect (type $print)
      (i32.add (global.get $data) (i32.const 13)) (i32.const 11)
      (call $greet))
    ;; Read the library's counter where the GOT says it is: one digit.
    (i32.store8 offset=35 (global.get $data)
      (i32.add (i32.load (global.get $greetings)) (i32.const 48)))
    (call $print (i32.add (global.get $data) (i32.const 24)) (i32.const 12))))
