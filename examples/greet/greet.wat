;; A shared library, by hand: what `wasm-ld -shared` writes, without the C.
;;
;; It has no memory of its own. It imports the program's, and where in it the
;; loader has put this library's data; so it runs at any address, beside any
;; number of others. See main.wat for the program.

(module
  ;; What the loader has to know before anything else:
  ;;   subsection 1, memory: 24 bytes aligned to 2^2, 1 table entry aligned to 2^0
  (@custom "dylink.0" (before first)
    "\01\04" "\18\02\01\00")

  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $data i32))
  (import "env" "__table_base" (global $slots i32))

  ;; Offered by main. A call to it is one native call through the PLT.
  (import "env" "print" (func $print (param i32 i32)))

  ;; An exported i32 is the address of data, counted from __memory_base.
  ;; `greetings` lies at 0: a counter that anyone may read through the GOT.
  (global (export "greetings") i32 (i32.const 0))

  (data (global.get $data) "\00\00\00\00" "hello from a library")

  ;; A function of this library that is called through the table: by whom it
  ;; will be called is not known here.
  (elem (global.get $slots) func $shout)
  (func $shout (param $text i32) (param $size i32)
    (call $print (local.get $text) (local.get $size))
    (call $print (local.get $text) (local.get $size)))

  ;; Counts, greets, and returns the table slot of $shout.
  (func (export "greet") (result i32)
    (i32.store (global.get $data)
      (i32.add (i32.load (global.get $data)) (i32.const 1)))
    (call $print (i32.add (global.get $data) (i32.const 4)) (i32.const 20))
    (global.get $slots)))
